/** Server-sent events from pieces of text. Pure; used by the event follower. */

/** One event of the stream. */
export interface IServerEvent {
  id: string;
  event: string;
  data: string;
}

/** Collects lines until an event is complete. Comments keep the connection alive and give no event. */
export class EventStreamParser {
  /** The id of the last complete block, with or without data: where to resume. */
  get lastId(): string {
    return this._lastId;
  }

  /** The events that `text` completes. */
  feed(text: string): IServerEvent[] {
    this._rest += text;
    const events: IServerEvent[] = [];
    for (;;) {
      const match = /\r\n|\n|\r(?!$)/.exec(this._rest);
      if (!match) {
        return events;
      }
      const line = this._rest.slice(0, match.index);
      this._rest = this._rest.slice(match.index + match[0].length);
      if (line === '') {
        if (this._data.length > 0) {
          events.push({ id: this._id, event: this._event || 'message', data: this._data.join('\n') });
        }
        this._lastId = this._id;
        this._event = '';
        this._data = [];
        continue;
      }
      const colon = line.indexOf(':');
      const field = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
      if (field === 'id') {
        this._id = value;
      } else if (field === 'event') {
        this._event = value;
      } else if (field === 'data') {
        this._data.push(value);
      }
    }
  }

  private _rest = '';
  private _id = '';
  private _lastId = '';
  private _event = '';
  private _data: string[] = [];
}
