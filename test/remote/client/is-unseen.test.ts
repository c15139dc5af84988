import { describe, expect, it } from 'vitest'
import { isUnseen } from '../../../src/remote/client/is-unseen.js'

describe('whether somebody stands between a worker and its server', () => {
  it.each([
    'wss://workers.example.com/path',
    'wss://10.0.0.7:8443',
    'ws://localhost:8080',
    'ws://LOCALHOST/path?query',
    'ws://127.0.0.1:8080/workers',
    'ws://127.1:8080',
    'ws://127.20.30.40',
    'ws://[::1]:8080',
  ])('says no for %s', (url) => {
    expect(isUnseen(url)).toBe(true)
  })

  it.each([
    'ws://workers.example.com',
    'ws://localhost.example.com',
    'ws://127.0.0.1.example.com',
    'ws://notlocalhost',
    'ws://10.0.0.7:8080',
    'ws://0.0.0.0:8080',
    'ws://[fd00::1]:8080',
    'ws://user:localhost@example.com',
  ])('takes it for possible for %s', (url) => {
    expect(isUnseen(url)).toBe(false)
  })
})
