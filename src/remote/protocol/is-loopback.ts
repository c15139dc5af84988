const LOOPBACK = /^(127(\.\d{1,3}){3}|::1|localhost)$/

/** Whether a host is one that only this machine can reach. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host)
}
