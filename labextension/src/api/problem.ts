/** What the server says when it does not do what was asked. Thrown by the client, shown by the widgets. */

import type { IProblem, IWrongPlace } from './types';

/**
 * An error with a stable code, words for people, and what to do about it. Problems that arise in the page itself have
 * no words here: the kit finds those by the code, in the reader's language.
 */
export class ZoeProblem extends Error {
  readonly code: string;
  readonly status: number;
  readonly title: string;
  readonly remedy: string;
  readonly incident: string;
  readonly errors: readonly IWrongPlace[];

  constructor(problem: { code: string } & Partial<Omit<IProblem, 'code'>>) {
    super(problem.detail || problem.title || problem.code);
    this.name = 'ZoeProblem';
    this.code = problem.code;
    this.status = problem.status ?? 0;
    this.title = problem.title ?? '';
    this.remedy = problem.remedy ?? '';
    this.incident = problem.incident ?? '';
    this.errors = problem.errors ?? [];
  }

  /** Whatever was thrown, as a problem. */
  static from(error: unknown): ZoeProblem {
    if (error instanceof ZoeProblem) {
      return error;
    }
    const detail = error instanceof Error ? error.message : String(error);
    return new ZoeProblem({ code: 'unexpected', detail });
  }

  /** The problem document in a response; also readable when something else than the hub answered. */
  static async fromResponse(response: Response): Promise<ZoeProblem> {
    const text = await response.text().catch(() => '');
    try {
      const body = JSON.parse(text) as Partial<IProblem> & { message?: string };
      if (typeof body === 'object' && (body.detail || body.title || body.message)) {
        return new ZoeProblem({
          code: 'internal',
          status: response.status,
          ...body,
          detail: body.detail || body.message || body.title || ''
        });
      }
    } catch {
      // not JSON: a proxy or the Jupyter server answered
    }
    return new ZoeProblem({ code: 'no-problem', status: response.status, title: response.statusText });
  }
}
