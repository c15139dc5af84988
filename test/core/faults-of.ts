import { type Issue, SystemError } from 'busline'

/** The paths that a call refuses as `VALIDATION`; none when it goes well. */
export function faultsOf(call: () => unknown): readonly string[] {
  try {
    call()
    return []
  } catch (error) {
    return refusedPaths(error)
  }
}

/** The paths that an error of `VALIDATION` names; throws what is another error. */
export function refusedPaths(error: unknown): readonly string[] {
  if (!(error instanceof SystemError) || error.code !== 'VALIDATION') throw error
  return (error.context['issues'] as Issue[]).map(({ path }) => path)
}
