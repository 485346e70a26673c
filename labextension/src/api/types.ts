/* eslint-disable */
// Generated from the hub's table of operations by 'python -m zoe_hub.contract.generate'. Do not edit.

/** Bind a notebook to an execution: to the one it had, to ``execution``, or to a new one of ``zapp``. */
export interface IAttachRequest {
  /** the notebook's path, or the kernel's id */
  key: string;
  kernel?: string;
  kind?: 'batch' | 'console' | 'editor' | 'notebook' | 'script' | 'terminal';
  /** when the last holder is gone; left out: as the admin has set it */
  policy?: 'keep' | 'shrink' | 'terminate' | null;
  /** a ZApp, or a framework that a ZApp of the shop offers alone, such as 'spark' */
  zapp?: string | null;
  execution?: string | null;
  parameters?: { [key: string]: any };
  language?: string;
  /** installed packages of the kernel: name -> version; checked before anything starts */
  versions?: { [key: string]: string };
  /** path in front of the proxy as the browser sees it; the server extension fills it in */
  web_prefix?: string;
}

/** Your attachments. */
export interface IAttachmentList {
  items: IAttachmentView[];
  former: IExecutionView | null;
}

/** A notebook bound to an execution. ``found``: it existed before the request. */
export interface IAttachmentView {
  id: string;
  owner: string;
  key: string;
  kernel: string;
  kind: 'batch' | 'console' | 'editor' | 'notebook' | 'script' | 'terminal';
  policy: 'keep' | 'shrink' | 'terminate';
  gone: string | null;
  execution: IExecutionView;
  created: string;
  renewed: string;
  found: boolean;
  /** parameters that were asked for and that the execution, which was there, has otherwise */
  unapplied: string[];
}

/** What the backend can do. */
export interface ICapabilitiesView {
  backend: string;
  isolation: boolean;
  limits: boolean;
  images: boolean;
  volumes: boolean;
  nodes: boolean;
}

/** One state change of a plan, and why. ``what`` has a code, facts and words as reasons have. */
export interface IChangeView {
  what: IReasonView;
  reason: IReasonView;
}

/** What a kernel needs to connect. Holds secrets: for the kernel alone, never shown. */
export interface IConnectionView {
  requires: string;
  variable: string;
  /** source text that sets the variable; the guide says what it finds */
  code: string;
  /** runs after it, in its names, and fails unless the session answers */
  check: string;
  /** seconds that the check may take */
  check_timeout: number;
  /** a name that the code sets: an object that can do more */
  session: string;
  outputs: { [key: string]: string };
  secrets: { [key: string]: string };
  /** host:port of each endpoint that the outputs name */
  addresses: string[];
  /** users of the hub's machine, by number, to whom a listener at an address of it may belong */
  listeners: number[];
}

/** A web page of a process, behind the proxy. ``path`` begins with the prefix under which the browser reaches the hub. */
export interface IEndpoint {
  process: string;
  port: string;
  title: string;
  path: string;
  show: boolean;
  ready: boolean;
}

/** Events, oldest first; ``next`` continues, null at the end. */
export interface IEventPage {
  items: IEventView[];
  next: number | null;
}

/** One line of the history. In the event stream ``seq`` is the id of the event. */
export interface IEventView {
  seq: number;
  time: string;
  kind: string;
  owner: string;
  execution: string;
  process: string;
  reason: IReasonView;
  data: { [key: string]: any };
}

/** A page of executions; ``next`` is null on the last one. */
export interface IExecutionPage {
  items: IExecutionView[];
  next: string | null;
}

/** One run of a ZApp. ``parameters`` holds no secrets. */
export interface IExecutionView {
  id: string;
  name: string;
  owner: string;
  zapp: string;
  title: string;
  kind: string;
  zapp_version: string;
  version: number;
  phase: Phase;
  desired: 'ended' | 'running';
  outcome: Outcome | null;
  exit_code: number | null;
  reason: IReasonView;
  parent: IParentView | null;
  created: string;
  running_since: string | null;
  ended: string | null;
  idle: IIdleView | null;
  kept_until: string | null;
  parameters: { [key: string]: any };
  labels: { [key: string]: string };
  groups: IGroupView[];
  processes: IProcessView[];
  endpoints: IEndpoint[];
  attach: string[];
  ends: boolean;
  protected: boolean;
}

/** A building block of ZApps, which cannot run by itself. ``parameters`` is a JSON Schema of type object; those that it requires are what a ZApp has to give it. */
export interface IFrameworkView {
  name: string;
  version: string;
  kind: string;
  title: string;
  description: string;
  parameters: { [key: string]: any };
  groups: string[];
  outputs: string[];
  /** the ZApps of the shop that use it */
  zapps: string[];
}

/** All frameworks. */
export interface IFrameworks {
  items: IFrameworkView[];
}

/** The processes of one kind. */
export interface IGroupView {
  name: string;
  framework: string;
  count: number;
  granted: number | null;
  live: number;
  ready: number;
  essential: number;
  maximum: number;
  scalable: boolean;
}

/** Whether the hub works, and with what. */
export interface IHealth {
  status: 'degraded' | 'ok';
  version: string;
  deployment: string;
  backend: string;
  reason: IReasonView | null;
  started: string;
  last_event: number;
  active: number;
}

/** One that may be attached: a kernel, and what it is of. ``busy``: it executes, or has a program running. */
export interface IHolderReport {
  /** its id; of what is no kernel the same as the key */
  kernel: string;
  kind: 'batch' | 'console' | 'editor' | 'notebook' | 'script' | 'terminal';
  /** a notebook's path; of what is no notebook its identity */
  key: string;
  busy?: boolean;
}

/** Nobody uses the execution: no busy kernel, query, job or terminal. What follows, and when. */
export interface IIdleView {
  since: string;
  action: 'end' | 'shrink';
  at: string;
}

/** Keep an execution that nobody uses. Without ``seconds`` its clock of idleness begins anew now. */
export interface IKeepRequest {
  seconds?: number | null;
}

/** Who of the caller's is there. What has happened to files comes first, in the order in which it happened. */
export interface ILeaseReport {
  holders?: IHolderReport[];
  moved?: IMove[];
  deleted?: string[];
}

/** How long a report counts. Report again after a third of it, and whenever something changes. */
export interface ILeaseTerms {
  ttl: number;
}

/** One line of a story: an event, what is so now (``now``), what time alone will bring (``due``), or that what came before is left out (``cut``). */
export interface IMomentView {
  time: string;
  kind: string;
  /** of the event; 0: it is none */
  seq: number;
  /** its id; empty: the execution itself */
  process: string;
  /** the phase or state from then on; empty: it stays as it is */
  state: string;
  before: string;
  /** seconds in the state before; now: in the present one */
  lasted: number | null;
  reason: IReasonView;
}

/** A file, or a folder with all that is in it, has another path. */
export interface IMove {
  /** a notebook's path; of what is no notebook its identity */
  source: string;
  /** a notebook's path; of what is no notebook its identity */
  target: string;
}

/** A machine, what it has, and what is reserved on all machines together. */
export interface INodeView {
  name: string;
  cores: number;
  memory: number;
  labels: { [key: string]: string };
}

/** The machines of the backend and what executions have reserved of them. */
export interface INodes {
  items: INodeView[];
  reserved_cores: number;
  reserved_memory: number;
}

/** How an execution ended. */
export type Outcome = 'cancelled' | 'completed' | 'failed' | 'lost';

/** A way to a page at an origin of its own: if the browser gets ``proof`` from ``here``, then ``url`` opens the page, once. */
export interface IOwnOrigin {
  url: string;
  here: string;
  proof: string;
}

/** What an execution was started for: an attachment, or a step of a workflow's run. */
export interface IParentView {
  kind: string;
  id: string;
  step: string;
  attempt: number;
}

/** Where an execution is in its life. Only ``starting`` and ``running`` may alternate. */
export type Phase = 'ended' | 'queued' | 'running' | 'starting' | 'stopping';

/** A command to be planned and not done. Exactly one member is given. */
export interface IPlanRequest {
  start?: IStartRequest | null;
  scale?: IScaleRequest | null;
  terminate?: ITerminateRequest | null;
  /** for scale and terminate */
  execution?: string | null;
}

/** What a command would change. */
export interface IPlanView {
  command: string;
  changes: IChangeView[];
}

/** An error (RFC 9457). ``code`` is stable; ``remedy`` tells what to do. */
export interface IProblem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: 'bad-request' | 'bad-parameter' | 'not-authenticated' | 'not-allowed' | 'foreign-origin' | 'not-found' | 'method-not-allowed' | 'too-large' | 'request-timeout' | 'too-many' | 'conflict' | 'key-reused' | 'internal' | 'unknown-zapp' | 'unknown-framework' | 'framework-alone' | 'bad-definition' | 'unknown-execution' | 'unknown-process' | 'unknown-group' | 'unknown-port' | 'already-ended' | 'not-scalable' | 'out-of-range' | 'never-fits' | 'protected' | 'not-attachable' | 'already-attached' | 'unknown-attachment' | 'not-ready' | 'no-log' | 'history-pruned' | 'backend-unavailable' | 'backend-refused' | 'image-missing' | 'java-missing' | 'environment-missing' | 'port-taken' | 'cannot-listen' | 'not-supported' | 'backend-changed' | 'storage-full' | 'storage-locked' | 'storage-corrupt' | 'storage-unavailable' | 'storage-newer' | 'client-mismatch' | 'hub-unreachable';
  remedy: string;
  errors: IWrongPlace[];
  incident: string;
}

/** What the hub last committed about a process. ``pending``: meant to start, perhaps started by a hub that died before it could say so; ``starting``: runs, not yet ready; ``ready``; ``draining``: was asked to hand over its work; ``stopping``: was asked to end; ``ended``. */
export type ProcessState = 'draining' | 'ended' | 'pending' | 'ready' | 'starting' | 'stopping';

/** One process. ``id`` is unique in its execution, e.g. ``worker-0``; ``name`` on the backend. */
export interface IProcessView {
  id: string;
  name: string;
  group: string;
  index: number;
  state: ProcessState;
  reason: IReasonView;
  since: string;
  started: string | null;
  ended: string | null;
  exit_code: number | null;
  starts: number;
  cores: number;
  memory: number;
}

/** The processes of an execution. */
export interface IProcesses {
  items: IProcessView[];
}

/** Why something is as it is. ``code`` is stable (see the page of reasons); ``words`` say it in one English line. */
export interface IReasonView {
  code: string;
  /** what the code is about; a reason among them, such as the cause, is a ReasonView itself */
  facts: { [key: string]: any };
  words: string;
  /** the last lines that the process logged, of the start that this is about */
  tail: string[];
}

/** Change how many processes a group has. */
export interface IScaleRequest {
  count: number;
  /** may be left out if only one group can grow */
  group?: string | null;
}

/** Start a ZApp. */
export interface IStartRequest {
  /** lower-case letters, digits and dashes, at most 63 */
  zapp: string;
  /** lower-case letters, digits and dashes, at most 63 */
  name?: string | null;
  parameters?: { [key: string]: any };
  labels?: { [key: string]: string };
  /** path in front of the proxy as the browser sees it; the server extension fills it in */
  web_prefix?: string;
}

/** All that led an execution to its state, in order, and what comes by itself. */
export interface IStory {
  items: IMomentView[];
}

/** End an execution. A protected one wants its name as ``confirm``. */
export interface ITerminateRequest {
  reason?: string;
  confirm?: string | null;
}

/** ``url`` is relative to the hub; it works once, until ``expires``, and finds a way by itself. */
export interface ITicket {
  url: string;
  expires: string;
  own: IOwnOrigin | null;
  /** path in front of the execution that its processes were told */
  prefix: string;
  /** the page may act as whoever opens it */
  trusted: boolean;
  /** the page does not work in the sandbox */
  needs_origin: boolean;
}

/** Ask for an address that a browser can open without a token. */
export interface ITicketRequest {
  /** page behind the hub's own proxy, percent-encoded as it stands in an address */
  path: string;
  /** origins of the pages in whose frames it will be shown */
  ancestors?: string[];
}

/** Who the token belongs to and what it allows. */
export interface IUser {
  name: string;
  scopes: string[];
}

/** Cells that have queries on the execution, since the last report. */
export interface IWorkReport {
  cells: string[];
}

/** One wrong place in what was sent. */
export interface IWrongPlace {
  /** JSON pointer */
  path: string;
  message: string;
  file: string;
  line: number;
  column: number;
}

/** What a user can start. ``parameters`` is a JSON Schema of type object, the form of the panel. */
export interface IZAppView {
  name: string;
  version: string;
  kind: string;
  title: string;
  description: string;
  icon: string;
  parameters: { [key: string]: any };
  frameworks: string[];
  attach: string[];
  attach_as: string[];
  scalable: string[];
  ends: boolean;
  protected: boolean;
}

/** The shop. ``problems`` names the definitions that could not be read. */
export interface IZApps {
  items: IZAppView[];
  problems: IWrongPlace[];
}

/** The types of each operation. */
export interface IOperations {
  /** Bind a notebook to an execution, starting one if need be. */
  attach: {
    path: Record<string, never>;
    query: Record<string, never>;
    input: IAttachRequest;
    output: IAttachmentView;
  };
  /** Your attachments. */
  list_attachments: {
    path: Record<string, never>;
    query: { key?: string | null; kernel?: string | null; execution?: string | null; };
    input: undefined;
    output: IAttachmentList;
  };
  /** One attachment. */
  get_attachment: {
    path: { attachment: string; };
    query: Record<string, never>;
    input: undefined;
    output: IAttachmentView;
  };
  /** What the kernel needs to connect; for the kernel alone. */
  get_connection: {
    path: { attachment: string; };
    query: Record<string, never>;
    input: undefined;
    output: IConnectionView;
  };
  /** Have the history say which cells have queries; at most every 10 seconds. */
  report_work: {
    path: { attachment: string; };
    query: Record<string, never>;
    input: IWorkReport;
    output: IAttachmentView;
  };
  /** Undo an attachment. */
  detach: {
    path: { attachment: string; };
    query: { keep?: boolean; };
    input: undefined;
    output: IExecutionView;
  };
  /** All frameworks. */
  list_frameworks: {
    path: Record<string, never>;
    query: Record<string, never>;
    input: undefined;
    output: IFrameworks;
  };
  /** One framework. */
  get_framework: {
    path: { framework: string; };
    query: Record<string, never>;
    input: undefined;
    output: IFrameworkView;
  };
  /** The shop. */
  list_zapps: {
    path: Record<string, never>;
    query: Record<string, never>;
    input: undefined;
    output: IZApps;
  };
  /** One ZApp. */
  get_zapp: {
    path: { zapp: string; };
    query: Record<string, never>;
    input: undefined;
    output: IZAppView;
  };
  /** The JSON Schema of a ZApp's parameters. */
  get_zapp_schema: {
    path: { zapp: string; };
    query: Record<string, never>;
    input: undefined;
    output: { [key: string]: any };
  };
  /** Events as they happen (server-sent events); resumes without loss or repetition. */
  stream_events: {
    path: Record<string, never>;
    query: { since?: number | null; execution?: string | null; };
    input: undefined;
    output: string;
  };
  /** What happened to an execution, and why. */
  get_history: {
    path: { execution: string; };
    query: { since?: number; limit?: number; };
    input: undefined;
    output: IEventPage;
  };
  /** All that led an execution to its state, in order, for a person who wants to know why. */
  get_story: {
    path: { execution: string; };
    query: { limit?: number; };
    input: undefined;
    output: IStory;
  };
  /** Start a ZApp. */
  start_execution: {
    path: Record<string, never>;
    query: Record<string, never>;
    input: IStartRequest;
    output: IExecutionView;
  };
  /** Executions, newest first. */
  list_executions: {
    path: Record<string, never>;
    query: { phase?: Phase | null; active?: boolean | null; owner?: string | null; zapp?: string | null; name?: string | null; label?: string | null; limit?: number; cursor?: string | null; };
    input: undefined;
    output: IExecutionPage;
  };
  /** One execution. */
  get_execution: {
    path: { execution: string; };
    query: Record<string, never>;
    input: undefined;
    output: IExecutionView;
  };
  /** Change how many processes a group has. */
  scale_execution: {
    path: { execution: string; };
    query: Record<string, never>;
    input: IScaleRequest;
    output: IExecutionView;
  };
  /** End an execution. */
  terminate_execution: {
    path: { execution: string; };
    query: Record<string, never>;
    input: ITerminateRequest;
    output: IExecutionView;
  };
  /** Say which of your notebooks, consoles and scripts are there, and renew their leases. */
  report_holders: {
    path: Record<string, never>;
    query: Record<string, never>;
    input: ILeaseReport;
    output: ILeaseTerms;
  };
  /** Keep an execution that nobody uses. */
  keep_execution: {
    path: { execution: string; };
    query: Record<string, never>;
    input: IKeepRequest;
    output: IExecutionView;
  };
  /** What a command would change, without doing it. */
  plan: {
    path: Record<string, never>;
    query: Record<string, never>;
    input: IPlanRequest;
    output: IPlanView;
  };
  /** The processes of an execution. */
  list_processes: {
    path: { execution: string; };
    query: Record<string, never>;
    input: undefined;
    output: IProcesses;
  };
  /** One process. */
  get_process: {
    path: { execution: string; process: string; };
    query: Record<string, never>;
    input: undefined;
    output: IProcessView;
  };
  /** Output of a process; stays after it has ended. */
  get_logs: {
    path: { execution: string; process: string; };
    query: { offset?: number; limit?: number | null; follow?: boolean; };
    input: undefined;
    output: string;
  };
  /** Whether the hub works. */
  get_health: {
    path: Record<string, never>;
    query: Record<string, never>;
    input: undefined;
    output: IHealth;
  };
  /** Who the token belongs to. */
  get_user: {
    path: Record<string, never>;
    query: Record<string, never>;
    input: undefined;
    output: IUser;
  };
  /** What the backend can do. */
  get_capabilities: {
    path: Record<string, never>;
    query: Record<string, never>;
    input: undefined;
    output: ICapabilitiesView;
  };
  /** The machines and what is reserved. */
  list_nodes: {
    path: Record<string, never>;
    query: Record<string, never>;
    input: undefined;
    output: INodes;
  };
  /** Measurements for Prometheus. */
  get_metrics: {
    path: Record<string, never>;
    query: Record<string, never>;
    input: undefined;
    output: string;
  };
  /** This interface as an OpenAPI document. */
  get_openapi: {
    path: Record<string, never>;
    query: Record<string, never>;
    input: undefined;
    output: { [key: string]: any };
  };
  /** This interface as a page to read. */
  get_reference: {
    path: Record<string, never>;
    query: Record<string, never>;
    input: undefined;
    output: string;
  };
  /** An address that opens a proxied page in a browser, once. */
  create_ticket: {
    path: Record<string, never>;
    query: Record<string, never>;
    input: ITicketRequest;
    output: ITicket;
  };
}

/** What the table says of one operation while the program runs. */
export interface IOperation {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Below the server's prefix, with {parameters}. */
  readonly path: string;
  readonly scope: 'read' | 'write' | 'admin';
  readonly media: string;
  /** Takes an Idempotency-Key. */
  readonly creates: boolean;
  /** Takes If-Match, answers an ETag. */
  readonly versioned: boolean;
}

export type OperationId = keyof IOperations;

export const OPERATIONS: { readonly [id in OperationId]: IOperation } = {
  attach: { method: 'POST', path: '/attachments', scope: 'write', media: 'application/json', creates: true, versioned: false },
  list_attachments: { method: 'GET', path: '/attachments', scope: 'read', media: 'application/json', creates: false, versioned: false },
  get_attachment: { method: 'GET', path: '/attachments/{attachment}', scope: 'read', media: 'application/json', creates: false, versioned: false },
  get_connection: { method: 'GET', path: '/attachments/{attachment}/connection', scope: 'write', media: 'application/json', creates: false, versioned: false },
  report_work: { method: 'POST', path: '/attachments/{attachment}/work', scope: 'write', media: 'application/json', creates: false, versioned: false },
  detach: { method: 'DELETE', path: '/attachments/{attachment}', scope: 'write', media: 'application/json', creates: false, versioned: false },
  list_frameworks: { method: 'GET', path: '/frameworks', scope: 'read', media: 'application/json', creates: false, versioned: false },
  get_framework: { method: 'GET', path: '/frameworks/{framework}', scope: 'read', media: 'application/json', creates: false, versioned: false },
  list_zapps: { method: 'GET', path: '/zapps', scope: 'read', media: 'application/json', creates: false, versioned: false },
  get_zapp: { method: 'GET', path: '/zapps/{zapp}', scope: 'read', media: 'application/json', creates: false, versioned: false },
  get_zapp_schema: { method: 'GET', path: '/zapps/{zapp}/schema', scope: 'read', media: 'application/schema+json', creates: false, versioned: false },
  stream_events: { method: 'GET', path: '/events', scope: 'read', media: 'text/event-stream', creates: false, versioned: false },
  get_history: { method: 'GET', path: '/executions/{execution}/history', scope: 'read', media: 'application/json', creates: false, versioned: false },
  get_story: { method: 'GET', path: '/executions/{execution}/story', scope: 'read', media: 'application/json', creates: false, versioned: false },
  start_execution: { method: 'POST', path: '/executions', scope: 'write', media: 'application/json', creates: true, versioned: false },
  list_executions: { method: 'GET', path: '/executions', scope: 'read', media: 'application/json', creates: false, versioned: false },
  get_execution: { method: 'GET', path: '/executions/{execution}', scope: 'read', media: 'application/json', creates: false, versioned: true },
  scale_execution: { method: 'POST', path: '/executions/{execution}/scale', scope: 'write', media: 'application/json', creates: false, versioned: true },
  terminate_execution: { method: 'POST', path: '/executions/{execution}/terminate', scope: 'write', media: 'application/json', creates: false, versioned: true },
  report_holders: { method: 'POST', path: '/leases', scope: 'write', media: 'application/json', creates: false, versioned: false },
  keep_execution: { method: 'POST', path: '/executions/{execution}/keep', scope: 'write', media: 'application/json', creates: false, versioned: false },
  plan: { method: 'POST', path: '/plans', scope: 'write', media: 'application/json', creates: false, versioned: false },
  list_processes: { method: 'GET', path: '/executions/{execution}/processes', scope: 'read', media: 'application/json', creates: false, versioned: false },
  get_process: { method: 'GET', path: '/executions/{execution}/processes/{process}', scope: 'read', media: 'application/json', creates: false, versioned: false },
  get_logs: { method: 'GET', path: '/executions/{execution}/processes/{process}/logs', scope: 'read', media: 'text/plain', creates: false, versioned: false },
  get_health: { method: 'GET', path: '/health', scope: 'read', media: 'application/json', creates: false, versioned: false },
  get_user: { method: 'GET', path: '/user', scope: 'read', media: 'application/json', creates: false, versioned: false },
  get_capabilities: { method: 'GET', path: '/capabilities', scope: 'read', media: 'application/json', creates: false, versioned: false },
  list_nodes: { method: 'GET', path: '/nodes', scope: 'read', media: 'application/json', creates: false, versioned: false },
  get_metrics: { method: 'GET', path: '/metrics', scope: 'admin', media: 'text/plain', creates: false, versioned: false },
  get_openapi: { method: 'GET', path: '/openapi.json', scope: 'read', media: 'application/json', creates: false, versioned: false },
  get_reference: { method: 'GET', path: '/reference', scope: 'read', media: 'text/html', creates: false, versioned: false },
  create_ticket: { method: 'POST', path: '/tickets', scope: 'write', media: 'application/json', creates: false, versioned: false }
};
