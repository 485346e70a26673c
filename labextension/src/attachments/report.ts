/**
 * What `%zoe attach` and `%zoe detach` tell the panel: a bundle beside their text, read as data. Pure; the protocol is
 * `docs/decisions/attachment-output.md`.
 */

import { ZoeProblem } from '../api/problem';
import type { IWrongPlace } from '../api/types';

const MIME = 'application/vnd.zoe.attachment+json';
const VERSION = 1;

/** How far a verb is. */
export interface IReport {
  readonly state: 'working' | 'done' | 'failed';
  /** For people, in the kernel's words; may be empty. */
  readonly message: string;
  /** Seconds since the wait began, while something is waited for. */
  readonly seconds: number | null;
  /** Which part of the wanted processes is ready, 0 to 1, while something is waited for. */
  readonly share: number | null;
  /** The execution that it is about, as soon as that is known. */
  readonly execution: { readonly id: string; readonly name: string } | null;
  /** Why it failed. */
  readonly problem: ZoeProblem | null;
}

type Json = Readonly<Record<string, unknown>>;

/** The report in an output's data; null if there is none, or one of a version that is not understood. */
export function reportIn(data: unknown): IReport | null {
  const bundle = record(record(data)[MIME]);
  if (bundle.version !== VERSION) {
    return null;
  }
  const { id, name } = record(bundle.execution);
  return {
    state: bundle.state === 'done' || bundle.state === 'failed' ? bundle.state : 'working',
    message: text(bundle.message),
    seconds: typeof bundle.seconds === 'number' ? bundle.seconds : null,
    share: typeof bundle.share === 'number' ? Math.min(1, Math.max(0, bundle.share)) : null,
    execution: id ? { id: text(id), name: text(name) } : null,
    problem: bundle.problem ? problemOf(record(bundle.problem)) : null
  };
}

function problemOf({ code, detail, remedy, errors }: Json): ZoeProblem {
  const places = Array.isArray(errors) ? errors.map(record).map(placeOf) : [];
  return new ZoeProblem({
    code: text(code) || 'unexpected',
    detail: text(detail),
    remedy: text(remedy),
    errors: places
  });
}

function placeOf({ path, message }: Json): IWrongPlace {
  return { path: text(path), message: text(message), file: '', line: 0, column: 0 };
}

function record(value: unknown): Json {
  return typeof value === 'object' && value !== null ? (value as Json) : {};
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
