/** Watches the kernel of one notebook: whether it is free, as far as can be known. Used by the notebook link. */

import type { ISessionContext } from '@jupyterlab/apputils';
import type { Kernel } from '@jupyterlab/services';
import type { INotebookInfo } from './tokens';

/** See the module. Calls `onChange` when anything about the kernel has changed, until it is disposed of. */
export class KernelWatch {
  constructor(
    private readonly _context: ISessionContext,
    private readonly _onChange: () => void
  ) {
    _context.kernelChanged.connect(_onChange);
    _context.propertyChanged.connect(_onChange);
    _context.statusChanged.connect(this._onStatus, this);
    _context.connectionStatusChanged.connect(this._onConnection, this);
    this._ask();
  }

  get status(): INotebookInfo['status'] {
    const kernel = this._context.session?.kernel;
    if (!kernel) {
      return this._context.isReady ? 'none' : 'starting';
    }
    return simpleStatus(kernel.status, this._answered === kernel.id);
  }

  dispose(): void {
    this._disposed = true;
    this._context.kernelChanged.disconnect(this._onChange);
    this._context.propertyChanged.disconnect(this._onChange);
    this._context.statusChanged.disconnect(this._onStatus, this);
    this._context.connectionStatusChanged.disconnect(this._onConnection, this);
  }

  private _onStatus(_: ISessionContext, status: Kernel.Status): void {
    if (status === 'restarting' || status === 'autorestarting') {
      this._answered = null;
    }
    this._onChange();
  }

  private _onConnection(): void {
    this._answered = null;
    this._ask();
  }

  /**
   * A restarted kernel says that it is idle before JupyterLab listens again, which then takes it for restarting until
   * it next works. So a connected kernel of unknown state is asked something, and counts as idle once it has answered.
   */
  private _ask(): void {
    const kernel = this._context.session?.kernel;
    if (kernel?.connectionStatus !== 'connected' || simpleStatus(kernel.status, false) !== 'starting') {
      return;
    }
    kernel
      .requestKernelInfo()
      .then(reply => {
        if (reply && !this._disposed) {
          this._answered = kernel.id;
          this._onChange();
        }
      })
      .catch(() => undefined); // it has gone, or restarts again
  }

  private _answered: string | null = null; // the kernel that has answered since it was connected
  private _disposed = false;
}

function simpleStatus(status: Kernel.Status, answered: boolean): INotebookInfo['status'] {
  switch (status) {
    case 'idle':
    case 'busy':
    case 'dead':
      return status;
    default:
      return answered ? 'idle' : 'starting';
  }
}
