/**
 * What a node knows of the people of one room, between what it told and what it heard.
 *
 * @module
 */

/** What is known of one room's people. */
export interface Place {
  readonly room: string;
  /** Who came, went and was renamed here, to be told: kind, id, name, whether the name is a guest's. */
  ops: string[];
  telling: Promise<void> | undefined;
  /** Whether Redis knows who is here. */
  isTold: boolean;
  /** The last change that was heard; −1 while all of them are being asked for. */
  turn: number;
  /** The last that was heard before that; −1 at first. */
  turnBefore: number;
  /** The last change that there was, at the beat before. */
  turnThen: number;
  /** Changes that came while everybody was being asked for. */
  early: string[];
  count: number;
  gathering: ReturnType<typeof setTimeout> | undefined;
}

/** A room of which nothing was heard yet. */
export function newPlace(room: string): Place {
  return {
    room,
    ops: [],
    telling: undefined,
    isTold: true,
    turn: -1,
    turnBefore: -1,
    turnThen: 0,
    early: [],
    count: 0,
    gathering: undefined,
  };
}
