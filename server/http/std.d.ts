// The real types of what we use of the standard library: the npm package that carries it has none.

export function eTag(entity: Uint8Array, options?: { weak?: boolean }): Promise<string>;
export function ifNoneMatch(value: string | null, etag: string | undefined): boolean;
export function contentType(extension: string): string | undefined;
export function extname(path: string): string;
