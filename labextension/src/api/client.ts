/**
 * Calls the operations of the hub through the Jupyter server, typed by the generated table. Used by models alone.
 *
 * The server extension adds the hub's token; the browser only has its own Jupyter session.
 */

import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
import { heardTime } from './hubTime';
import { ZoeProblem } from './problem';
import type { IOperations, IOwnOrigin, OperationId } from './types';
import { OPERATIONS } from './types';

/** Arguments of an operation; members that it has none of may be left out. */
export interface ICallOptions<K extends OperationId> {
  path?: IOperations[K]['path'];
  query?: IOperations[K]['query'];
  input?: IOperations[K]['input'];
  /** Idempotency-Key of an operation that creates. */
  key?: string;
  signal?: AbortSignal;
}

/** What the server extension knows about the hub. */
export interface IHubStatus {
  readonly hub: 'ready' | 'starting' | 'failed';
  readonly reason: string;
  /** The folder that the server shows, with a slash at its end; empty if it shows no folder. */
  readonly root: string;
}

/** The ways to a page, as the server extension offers them. */
export interface IOpening {
  /** To be tried first, in this order. */
  readonly own: readonly IOwnOrigin[];
  /** Path at JupyterLab's own origin, with a ticket; empty: there it cannot be shown. */
  readonly fallback: string;
  /** `fallback` leads to the sandbox. */
  readonly sandboxed: boolean;
  /** Why there is no `fallback`, in words. */
  readonly refusal: string;
}

/** Talks to `<base url>zoe/...`. */
export class ZoeClient {
  constructor(settings: ServerConnection.ISettings) {
    this.settings = settings;
  }

  readonly settings: ServerConnection.ISettings;

  /** The path under which this Jupyter server shows the hub's proxy. */
  get webPrefix(): string {
    return URLExt.join(new URL(this.settings.baseUrl).pathname, 'zoe');
  }

  /** Call an operation and read its JSON answer. Rejects with a `ZoeProblem`. */
  async call<K extends OperationId>(id: K, options: ICallOptions<K> = {}): Promise<IOperations[K]['output']> {
    const response = await this.open(id, options);
    return (await response.json()) as IOperations[K]['output'];
  }

  /** Call an operation and leave its answer unread, for streams. */
  async open<K extends OperationId>(id: K, options: ICallOptions<K> = {}): Promise<Response> {
    const operation = OPERATIONS[id];
    const headers: Record<string, string> = { Accept: operation.media };
    if (operation.creates && options.key) {
      headers['Idempotency-Key'] = options.key;
    }
    const init: RequestInit = { method: operation.method, headers };
    if (options.input !== undefined) {
      init.body = JSON.stringify(options.input);
      headers['Content-Type'] = 'application/json';
    }
    if (options.signal) {
      init.signal = options.signal;
    }
    const response = await this._request(this.url(id, options), init);
    heardTime(response.headers.get('Date'));
    return response;
  }

  /** The address of an operation. */
  url<K extends OperationId>(id: K, options: Pick<ICallOptions<K>, 'path' | 'query'> = {}): string {
    const values = (options.path ?? {}) as Record<string, string>;
    const path = OPERATIONS[id].path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(values[name] ?? ''));
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries((options.query ?? {}) as Record<string, unknown>)) {
      if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
        query.set(name, String(value));
      }
    }
    const text = query.toString();
    return URLExt.join(this.settings.baseUrl, 'zoe/api/v1', path) + (text ? `?${text}` : '');
  }

  /** What the server extension says about the hub; it starts the embedded one if there is none. */
  async status(signal?: AbortSignal): Promise<IHubStatus> {
    const response = await this._request(URLExt.join(this.settings.baseUrl, 'zoe/status'), signal ? { signal } : {});
    return (await response.json()) as IHubStatus;
  }

  /**
   * The ways to a page of an execution.
   *
   * @param page - Process, port and path: `master-0/ui/jobs?id=1`.
   * @param ancestors - Origins of the pages in whose frames it will be shown.
   */
  async openPage(execution: string, page: string, ancestors: readonly string[]): Promise<IOpening> {
    const response = await this._request(URLExt.join(this.settings.baseUrl, 'zoe/open'), {
      method: 'POST',
      body: JSON.stringify({ execution, page, ancestors }),
      headers: { 'Content-Type': 'application/json' }
    });
    return (await response.json()) as IOpening;
  }

  private async _request(url: string, init: RequestInit): Promise<Response> {
    let response: Response;
    try {
      // 'no-cache' revalidates; the default 'no-store' would add a query parameter that the hub does not know.
      response = await ServerConnection.makeRequest(url, { cache: 'no-cache', ...init }, this.settings);
    } catch (error) {
      if (init.signal?.aborted) {
        throw error;
      }
      throw new ZoeProblem({ code: 'server-unreachable' });
    }
    if (!response.ok) {
      throw await ZoeProblem.fromResponse(response);
    }
    return response;
  }
}
