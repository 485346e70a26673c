/** What the server says when it does not do what was asked. Thrown by the client, shown by the widgets. */

import type { IProblem, IWrongPlace } from './types';

/** An error with a stable code, words for people, and what to do about it. */
export class ZoeProblem extends Error {
  readonly code: string;
  readonly status: number;
  readonly title: string;
  readonly remedy: string;
  readonly incident: string;
  readonly errors: readonly IWrongPlace[];

  constructor(problem: Partial<IProblem> | { detail: string; code: string; status: number; remedy?: string }) {
    const full = problem as Partial<IProblem>;
    super(full.detail || full.title || 'The request failed.');
    this.name = 'ZoeProblem';
    this.code = full.code ?? 'internal';
    this.status = full.status ?? 0;
    this.title = full.title ?? '';
    this.remedy = full.remedy ?? '';
    this.incident = full.incident ?? '';
    this.errors = full.errors ?? [];
  }

  /** The message followed by what to do, for a notification. */
  get words(): string {
    const incident = this.incident ? ` (${this.incident})` : '';
    return [this.message + incident, this.remedy].filter(Boolean).join(' ');
  }

  /** Whatever was thrown, as a problem. */
  static from(error: unknown): ZoeProblem {
    if (error instanceof ZoeProblem) {
      return error;
    }
    const detail = error instanceof Error ? error.message : String(error);
    return new ZoeProblem({ detail, code: 'unexpected', status: 0 });
  }

  /** The problem document in a response; also readable when something else than the hub answered. */
  static async fromResponse(response: Response): Promise<ZoeProblem> {
    const text = await response.text().catch(() => '');
    try {
      const body = JSON.parse(text) as Partial<IProblem> & { message?: string };
      if (typeof body === 'object' && (body.detail || body.title || body.message)) {
        return new ZoeProblem({
          status: response.status,
          ...body,
          detail: body.detail || body.message || body.title || ''
        });
      }
    } catch {
      // not JSON: a proxy or the Jupyter server answered
    }
    return new ZoeProblem({
      status: response.status,
      code: 'no-problem',
      detail: `The server answered ${response.status} ${response.statusText}.`
    });
  }
}
