/**
 * A `MemberList` is what one node knows of the members of a room, and what it has yet to report.
 *
 * @module
 */

/** What this node knows of a room's members. */
export class MemberList {
  readonly room: string;
  /** Changes that have yet to be reported, four values each, as the script takes them. */
  ops: string[] = [];
  reporting: Promise<void> | undefined;
  /** How many reports were sent. */
  reports = 0;
  /** Whether Redis knows which users are here. */
  isReported = true;
  /** The version that this node has reached; −1 while all members are being read. */
  version = -1;
  /** The version before that read; −1 at first. */
  versionBefore = -1;
  /** The version that Redis had at the last request. */
  latestVersion = 0;
  /** Changes that arrived while all members were being read. */
  early: string[] = [];
  /** Set while other nodes may not have reported their users again. */
  gathering: ReturnType<typeof setTimeout> | undefined;

  constructor(room: string) {
    this.room = room;
  }
}
