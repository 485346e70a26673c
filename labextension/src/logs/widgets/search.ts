/**
 * JupyterLab's search in a log. Marks what it finds by the browser's highlights, so that the page that grows meanwhile
 * is not
 * changed; a browser without them still goes to each place.
 */

import type { MainAreaWidget } from '@jupyterlab/apputils';
import type { ISearchMatch } from '@jupyterlab/documentsearch';
import { SearchProvider } from '@jupyterlab/documentsearch';
import type { LogViewer } from './viewer';

/** More are counted, not marked: nobody looks at them all. */
const MARKED = 5000;
/** Milliseconds that new output is collected for before it is searched. */
const PATIENCE = 300;

/** Searches the lines that the viewer keeps. */
export class LogSearch extends SearchProvider<MainAreaWidget<LogViewer>> {
  constructor(widget: MainAreaWidget<LogViewer>) {
    super(widget);
    this._viewer = widget.content;
    this._viewer.drawn.connect(this._onDrawn, this);
  }

  readonly isReadOnly = true;

  override get matchesCount(): number | null {
    return this._query ? this._found.length : null;
  }

  override get currentMatchIndex(): number | null {
    return this._current;
  }

  override dispose(): void {
    if (!this.isDisposed) {
      clearTimeout(this._timer);
      this._viewer.drawn.disconnect(this._onDrawn, this);
      this._forget();
      super.dispose();
    }
  }

  startQuery(query: RegExp): Promise<void> {
    this._query = query;
    this._current = null;
    this._search();
    if (this._found.length > 0) {
      this._go(0);
    }
    return Promise.resolve();
  }

  endQuery(): Promise<void> {
    this._query = null;
    this._forget();
    return Promise.resolve();
  }

  clearHighlight(): Promise<void> {
    this._current = null;
    this._mark();
    return Promise.resolve();
  }

  highlightNext(): Promise<ISearchMatch | undefined> {
    return Promise.resolve(this._go((this._current ?? -1) + 1));
  }

  highlightPrevious(): Promise<ISearchMatch | undefined> {
    return Promise.resolve(this._go((this._current ?? 0) - 1));
  }

  replaceCurrentMatch(): Promise<boolean> {
    return Promise.resolve(false);
  }

  replaceAllMatches(): Promise<boolean> {
    return Promise.resolve(false);
  }

  private _onDrawn(): void {
    if (this._query && this._timer === undefined) {
      this._timer = setTimeout(() => {
        this._timer = undefined;
        const here = this._current === null ? null : this._found[this._current];
        this._search();
        // Lines in front may have been dropped: the place that was being looked at keeps its number.
        const index = here
          ? this._found.findIndex(
              range => range.startContainer === here.startContainer && range.startOffset === here.startOffset
            )
          : -1;
        this._current = index < 0 ? null : index;
        this._mark();
        this._stateChanged.emit();
      }, PATIENCE);
    }
  }

  private _search(): void {
    this._found = [];
    const query = this._query;
    if (!query) {
      return;
    }
    const global = new RegExp(query.source, query.flags.includes('g') ? query.flags : `${query.flags}g`);
    for (const line of this._viewer.lines.children) {
      const text = line.textContent;
      for (const match of text.matchAll(global)) {
        if (match[0]) {
          this._found.push(rangeOf(line, match.index, match.index + match[0].length));
        }
      }
    }
    this._mark();
  }

  private _go(index: number): ISearchMatch | undefined {
    const count = this._found.length;
    if (count === 0) {
      return undefined;
    }
    this._current = (index + count) % count;
    const range = this._found[this._current];
    this._mark();
    if (!range) {
      return undefined;
    }
    this._viewer.reveal(range);
    this._stateChanged.emit();
    return { text: range.toString(), position: this._current };
  }

  private _mark(): void {
    if ('highlights' in CSS) {
      const here = this._current === null ? undefined : this._found[this._current];
      CSS.highlights.set(
        'jp-zoe-found',
        new Highlight(...this._found.slice(0, MARKED).filter(range => range !== here))
      );
      CSS.highlights.set('jp-zoe-found-here', new Highlight(...(here ? [here] : [])));
    }
  }

  private _forget(): void {
    this._found = [];
    this._current = null;
    this._mark();
  }

  private readonly _viewer: LogViewer;
  private _query: RegExp | null = null;
  private _found: Range[] = [];
  private _current: number | null = null;
  private _timer: ReturnType<typeof setTimeout> | undefined;
}

/** The characters of an element as a range, whatever pieces of text they are in. */
function rangeOf(element: Element, from: number, to: number): Range {
  const range = document.createRange();
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  let at = 0;
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const end = at + (node.textContent?.length ?? 0);
    if (from >= at && from <= end) {
      range.setStart(node, from - at);
    }
    if (to <= end) {
      range.setEnd(node, to - at);
      break;
    }
    at = end;
  }
  return range;
}
