/** What other capabilities and extensions may ask of web pages. */

export const PageCommands = {
  /** `{execution?: string, process?: string, port?: string}` */
  open: 'zoe:open-endpoint'
} as const;
