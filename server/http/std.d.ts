// The types of what we use of the standard library: its npm package has none.

export function eTag(entity: Uint8Array, options?: { weak?: boolean }): Promise<string>;
export function ifNoneMatch(value: string | null, etag: string | undefined): boolean;
export function contentType(extension: string): string | undefined;
export function extname(path: string): string;
export const STATUS_TEXT: Readonly<Record<number, string>>;
