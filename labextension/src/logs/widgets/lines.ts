/** Draws a log's lines into the page, once a frame whatever comes, and keeps the place that is being read. */

import type { LogBuffer } from '../buffer';

/** Pixels from the end that still count as the end. */
const NEAR = 24;

/** An element that scrolls, with one child for each line that is kept. */
export class LogLines {
  /** `onDrawn` is called after each drawing. */
  constructor(
    buffer: LogBuffer,
    private readonly _onDrawn: () => void
  ) {
    this._buffer = buffer;
    this.node.className = 'jp-zoe-Logs-scroller jp-RenderedText';
    this.node.tabIndex = 0;
    this.node.setAttribute('role', 'log');
    this.node.setAttribute('aria-live', 'off');
    this.node.append(this.lines);
    this.node.addEventListener('scroll', () => (this._follows = this._isAtEnd()));
  }

  /** The element that scrolls. */
  readonly node = document.createElement('div');
  /** Has one child for each line. */
  readonly lines = document.createElement('pre');

  /** Draw what is new; another buffer is drawn from its beginning. */
  draw(buffer: LogBuffer): void {
    if (buffer !== this._buffer) {
      this._buffer = buffer;
      this._drawn = 0;
      this._follows = true;
      this.lines.replaceChildren();
    }
    this._frame ??= requestAnimationFrame(() => {
      this._frame = null;
      this._draw();
    });
  }

  /** Scroll to the end and stay there. */
  toEnd(): void {
    this._follows = true;
    this.node.scrollTop = this.node.scrollHeight;
  }

  /** The same, unless something else is being read. */
  keepEnd(): void {
    if (this._follows) {
      this.toEnd();
    }
  }

  /** Show a place in the output; new lines do not move it away. */
  reveal(range: Range): void {
    this._follows = false;
    const [place, box] = [range.getBoundingClientRect(), this.node.getBoundingClientRect()];
    if (place.top < box.top || place.bottom > box.bottom) {
      this.node.scrollTop += place.top - box.top - box.height / 2;
    }
    if (place.left < box.left || place.right > box.right) {
      this.node.scrollLeft += place.left - box.left - box.width / 2;
    }
  }

  /** Draw nothing any more. */
  dispose(): void {
    if (this._frame !== null) {
      cancelAnimationFrame(this._frame);
    }
  }

  private _draw(): void {
    const { first, end } = this._buffer;
    // The line that was last may have grown.
    if (this.lines.lastElementChild && this._drawn > first) {
      this.lines.lastElementChild.remove();
      this._drawn -= 1;
    }
    const fragment = document.createDocumentFragment();
    for (let number = Math.max(this._drawn, first); number < end; number++) {
      fragment.append(this._line(number));
    }
    this.lines.append(fragment);
    this._drawn = end;
    const before = this.node.scrollHeight;
    while (this.lines.childElementCount > end - first) {
      this.lines.firstElementChild?.remove();
    }
    if (this._follows) {
      this.node.scrollTop = this.node.scrollHeight;
    } else {
      this.node.scrollTop -= before - this.node.scrollHeight;
    }
    this._onDrawn();
  }

  private _line(number: number): HTMLElement {
    const line = document.createElement('div');
    for (const { text, classes } of this._buffer.line(number)) {
      if (classes) {
        const span = document.createElement('span');
        span.className = classes;
        span.textContent = text;
        line.append(span);
      } else {
        line.append(text);
      }
    }
    line.append('\n'); // so that copied text has its lines
    return line;
  }

  private _isAtEnd(): boolean {
    const { scrollTop, scrollHeight, clientHeight } = this.node;
    return scrollHeight - scrollTop - clientHeight < NEAR;
  }

  private _buffer: LogBuffer;
  private _drawn = 0; // lines are in the page up to here
  private _follows = true;
  private _frame: number | null = null;
}
