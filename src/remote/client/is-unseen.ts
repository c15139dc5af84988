import { isLoopback } from '../protocol/is-loopback.js'

/**
 * Whether nobody stands between who could take what is sent for something else: over TLS, and on this machine. Clients mask
 * what they send for the sake of proxies that do not know WebSockets; both sides pay for it with a step per byte.
 */
export function isUnseen(url: string): boolean {
  const { protocol, hostname } = new URL(url)
  // A URL has brackets around addresses with colons.
  return protocol === 'wss:' || isLoopback(hostname.replace(/^\[(.*)\]$/, '$1'))
}
