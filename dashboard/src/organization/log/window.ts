// What of a log is in the browser: an unbroken piece of it, newest first, at most a few hundred entries long however many
// pour in. Pages come from the table, new entries from the feed; their sequences say where they belong, so that none is
// twice and none is missing.
import { ApiError } from '../../api/error';
import type { AuditLogFilter } from '../../gql';
import { type Entry, pace } from '../feed';
import { passes } from './search';

export interface Page {
  entries: Entry[];
  /** The cursor of its last entry; null where nothing older is there. */
  next: string | null;
}

/** How many entries a page has. */
export const pageSize = 50;
/** So many pages are kept; beyond it, what is newest is let go while somebody reads back, and what is oldest while new ones come. */
const mostPages = 8;
/** So many new entries are kept beside the pages; beyond it the newest page is asked for instead. */
const mostNew = 100;
/** New entries are shown together when they come within so many milliseconds. */
const together = 80;

export interface Shown {
  entries: Entry[];
  /** How many newer ones there are that are not shown. */
  above: number;
  /** Whether older ones can be asked for. */
  older: boolean;
  /** Whether new entries are shown as they come. */
  following: boolean;
  busy: 'newest' | 'older' | null;
  error: ApiError | null;
}

export class LogWindow {
  private pages: Page[] = [];
  private fresh: Entry[] = []; // newer than the pages, newest first
  private arrived: Entry[] = []; // newer than all of that and not shown yet, oldest first
  private skipped = 0; // arrived, but more than are kept
  private released = 0; // shown once, and let go at the upper end
  private following = true;
  private busy: Shown['busy'] = null;
  private error: ApiError | null = null;
  private round = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private asked = 0;
  private shown: Shown;
  private readonly listeners = new Set<() => void>();

  constructor(
    private readonly filter: AuditLogFilter,
    private readonly ask: (after: string | null) => Promise<Page>,
  ) {
    this.shown = this.look();
  }

  readonly subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly snapshot = () => this.shown;

  /** Asks for the newest page in place of all that is there. */
  newest = async () => {
    clearTimeout(this.timer);
    this.timer = undefined;
    const round = ++this.round;
    const missed = this.arrived.length + this.skipped;
    this.busy = 'newest';
    this.error = null;
    this.asked = Date.now();
    this.arrived = []; // the page will have them; what arrives from now on it may not
    this.skipped = 0;
    this.tell();
    try {
      const page = await this.ask(null);
      if (round !== this.round) return;
      const top = page.entries[0]?.sequence ?? 0;
      this.pages = [page];
      this.fresh = [];
      this.released = 0;
      this.busy = null;
      this.arrived = this.arrived.filter(({ sequence }) => sequence > top);
      this.settle();
    } catch (reason) {
      if (round !== this.round) return;
      this.skipped += missed;
      this.fail(reason);
    }
  };

  /** Asks for the page before the oldest entry. */
  older = async () => {
    const next = this.pages.at(-1)?.next;
    if (this.busy !== null || next === undefined || next === null) return;
    const round = ++this.round;
    this.busy = 'older';
    this.error = null;
    this.tell();
    try {
      const page = await this.ask(next);
      if (round !== this.round) return;
      this.pages.push(page);
      if (this.pages.length > mostPages) {
        this.released += this.fresh.length + (this.pages.shift()?.entries.length ?? 0);
        this.fresh = [];
        this.following = false;
      }
      this.busy = null;
      this.settle();
    } catch (reason) {
      if (round === this.round) this.fail(reason);
    }
  };

  /** Takes the log's next entry. */
  arrive = (entry: Entry) => {
    if (entry.sequence <= this.top()) return;
    if (!passes(this.filter, entry)) return;
    if (this.arrived.length < mostNew && this.skipped === 0) this.arrived.push(entry);
    else this.skipped++;
    this.later(together);
  };

  /** Shows new entries as they come, beginning with those that have come. */
  follow = () => {
    this.following = true;
    this.settle();
  };

  /** Leaves what is shown as it is. */
  hold = () => {
    this.following = false;
    this.tell();
  };

  /** Asks again for what could not be had. */
  retry = () => {
    if (this.error !== null) void (this.pages.length === 0 || this.following ? this.newest() : this.older());
  };

  close = () => {
    this.round++;
    clearTimeout(this.timer);
    this.listeners.clear();
  };

  private top(): number {
    return this.arrived.at(-1)?.sequence ?? this.fresh[0]?.sequence ?? this.pages[0]?.entries[0]?.sequence ?? 0;
  }

  private later(pause: number) {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.settle();
    }, pause);
  }

  /** Brings what has arrived to where it belongs. */
  private settle() {
    if (this.following && this.busy === null && this.pages.length > 0) {
      const whole = this.skipped === 0 && this.released === 0;
      if (whole && this.fresh.length + this.arrived.length <= mostNew) {
        this.fresh = [...this.arrived.reverse(), ...this.fresh];
        this.arrived = [];
        while (this.pages.length > 1 && this.fresh.length + this.pages.length * pageSize > mostPages * pageSize) this.pages.pop();
      } else if (Date.now() - this.asked >= pace) {
        void this.newest();
        return;
      } else {
        this.later(this.asked + pace - Date.now());
      }
    }
    this.tell();
  }

  private fail(reason: unknown) {
    this.busy = null;
    if (!(reason instanceof ApiError)) throw reason;
    this.error = reason;
    this.tell();
  }

  private look(): Shown {
    const last = this.pages.at(-1);
    return {
      entries: [...this.fresh, ...this.pages.flatMap(({ entries }) => entries)],
      above: this.arrived.length + this.skipped + this.released,
      older: last !== undefined && last.next !== null,
      following: this.following,
      busy: this.busy,
      error: this.error,
    };
  }

  private tell() {
    this.shown = this.look();
    for (const listener of this.listeners) listener();
  }
}
