/** What other capabilities and extensions may ask of logs. */

export const LogCommands = {
  /** `{execution?: string, process?: string}` */
  show: 'zoe:logs'
} as const;
