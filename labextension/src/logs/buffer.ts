/** The last lines of a growing output. Pure; used by the log viewer. */

import type { IRun, IStyle } from '../kit/words/ansi';
import { PLAIN, runs } from '../kit/words/ansi';

/** What a piece of output changed; lines are counted from the first one ever fed. */
export interface ILogChange {
  /** The first line that is new or was changed. */
  readonly from: number;
  /** The first line that is kept. */
  readonly first: number;
}

/** Keeps at most `limit` lines, each of at most `width` characters. */
export class LogBuffer {
  constructor(limit = 5000, width = 4000) {
    this._limit = limit;
    this._width = width;
  }

  /** Number of the first line that is kept. */
  get first(): number {
    return this._first;
  }

  /** Number after the last line. */
  get end(): number {
    return this._first + this._lines.length;
  }

  /** The coloured runs of a line. */
  line(number: number): IRun[] {
    const index = number - this._first;
    return runs(this._lines[index] ?? '', this._styles[index]).runs;
  }

  /** Add a piece of output; it may end within a line. */
  feed(text: string): ILogChange {
    const from = this._open ? Math.max(this._first, this.end - 1) : this.end;
    let rest = this._open ? (this._lines.pop() ?? '') + text : text;
    if (!rest) {
      return { from, first: this._first };
    }
    let style = this._open ? (this._styles.pop() ?? PLAIN) : this._style;
    for (;;) {
      const newline = rest.indexOf('\n');
      const whole = newline < 0 ? rest : rest.slice(0, newline);
      style = this._push(whole, style, newline >= 0);
      if (newline < 0) {
        this._open = true;
        break;
      }
      rest = rest.slice(newline + 1);
      if (!rest) {
        this._open = false;
        break;
      }
    }
    this._style = style;
    const excess = this._lines.length - this._limit;
    if (excess > 0) {
      this._lines.splice(0, excess);
      this._styles.splice(0, excess);
      this._first += excess;
    }
    return { from: Math.max(from, this._first), first: this._first };
  }

  /** Add a line (a piece of one is added again with what follows it); the style after it. */
  private _push(text: string, style: IStyle, complete: boolean): IStyle {
    // A carriage return draws a line again, as progress bars do; only the last drawing is kept.
    let line = complete ? text.replace(/\r+$/, '') : text;
    const again = line.lastIndexOf('\r', line.length - 2);
    if (again >= 0) {
      line = line.slice(again + 1);
    }
    for (let at = 0; ; at += this._width) {
      const piece = line.slice(at, at + this._width);
      this._lines.push(piece);
      this._styles.push(style);
      style = runs(piece, style).style;
      if (at + this._width >= line.length) {
        return style;
      }
    }
  }

  private readonly _limit: number;
  private readonly _width: number;
  private readonly _lines: string[] = [];
  private readonly _styles: IStyle[] = [];
  private _style = PLAIN;
  private _first = 0;
  private _open = false; // the last line is not complete
}
