/** What other capabilities and extensions may ask of leases. */

export const LeaseCommands = {
  /** `{execution?: string}` */
  keep: 'zoe:keep'
} as const;
