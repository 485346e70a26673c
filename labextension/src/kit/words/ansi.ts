/** Terminal colours in a line of output. Pure; used by the log buffer and the notebook link. */

/** Text in one style. `classes` are those of JupyterLab's rendered text. */
export interface IRun {
  readonly text: string;
  readonly classes: string;
}

/** The style that a line begins with. */
export interface IStyle {
  readonly foreground: string;
  readonly background: string;
  readonly bold: boolean;
  readonly underline: boolean;
}

export const PLAIN: IStyle = { foreground: '', background: '', bold: false, underline: false };

const COLOURS = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white'];
// CSI sequences, OSC sequences (titles, links), other two-character escapes, and control characters but for the tab.
const ESCAPES =
  // eslint-disable-next-line no-control-regex
  /\u001b\[([0-9;:?]*)[ -/]*([@-~])|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|\u001b[@-Z\\^_]?|[\u0000-\u0008\u000b-\u001f\u007f]/g;

/** The runs of a line, and the style that the next line begins with. */
export function runs(line: string, style: IStyle = PLAIN): { runs: IRun[]; style: IStyle } {
  const found: IRun[] = [];
  let last = 0;
  const push = (text: string): void => {
    if (text) {
      found.push({ text, classes: classes(style) });
    }
  };
  for (const match of line.matchAll(ESCAPES)) {
    push(line.slice(last, match.index));
    last = match.index + match[0].length;
    if (match[2] === 'm') {
      style = select(style, match[1] ?? '');
    }
  }
  push(line.slice(last));
  return { runs: found, style };
}

/** A text without any of it. */
export function strip(text: string): string {
  return text.replace(/\r\n/g, '\n').replace(ESCAPES, found => (found === '\n' ? found : ''));
}

function classes(style: IStyle): string {
  return [
    style.foreground && `ansi-${style.foreground}-fg`,
    style.background && `ansi-${style.background}-bg`,
    style.bold && 'ansi-bold',
    style.underline && 'ansi-underline'
  ]
    .filter(Boolean)
    .join(' ');
}

function select(style: IStyle, parameters: string): IStyle {
  const codes = parameters.split(/[;:]/).map(Number);
  let next = { ...style };
  for (let index = 0; index < codes.length; index++) {
    const code = codes[index] ?? 0;
    if (code === 0) {
      next = { ...PLAIN };
    } else if (code === 1) {
      next.bold = true;
    } else if (code === 4) {
      next.underline = true;
    } else if (code === 22) {
      next.bold = false;
    } else if (code === 24) {
      next.underline = false;
    } else if (code === 38 || code === 48) {
      index += codes[index + 1] === 2 ? 4 : 2; // 256 and true colours do not follow the theme: left out
    } else if (code === 39) {
      next.foreground = '';
    } else if (code === 49) {
      next.background = '';
    } else if (code >= 30 && code <= 37) {
      next.foreground = COLOURS[code - 30] ?? '';
    } else if (code >= 40 && code <= 47) {
      next.background = COLOURS[code - 40] ?? '';
    } else if (code >= 90 && code <= 97) {
      next.foreground = `${COLOURS[code - 90] ?? ''}-intense`;
    } else if (code >= 100 && code <= 107) {
      next.background = `${COLOURS[code - 100] ?? ''}-intense`;
    }
  }
  return next;
}
