/** Orders versions as semantic versioning does, the older one first; what is no version comes before all that are. */
export function compareVersions(one: string, other: string): number {
  const [a, b] = [parse(one), parse(other)]
  if (!a || !b) return Number(Boolean(a)) - Number(Boolean(b))
  for (let index = 0; index < 3; index++) {
    const difference = a.numbers[index]! - b.numbers[index]!
    if (difference !== 0) return difference
  }
  return comparePreReleases(a.preRelease, b.preRelease)
}

interface Version {
  readonly numbers: readonly number[]
  readonly preRelease: readonly string[]
}

function parse(text: string): Version | undefined {
  const [, major, minor, patch, rest] = /^v?(\d+)\.(\d+)\.(\d+)(?:-([^+]+))?(?:\+.*)?$/.exec(text) ?? []
  if (major === undefined) return undefined
  return { numbers: [major, minor, patch].map(Number), preRelease: rest?.split('.') ?? [] }
}

/** A release comes after its pre-releases; numbers count as numbers, and come before words. */
function comparePreReleases(one: readonly string[], other: readonly string[]): number {
  if (one.length === 0 || other.length === 0) return other.length - one.length
  for (let index = 0; index < Math.max(one.length, other.length); index++) {
    const [a, b] = [one[index], other[index]]
    if (a === b) continue
    if (a === undefined || b === undefined) return a === undefined ? -1 : 1
    const [isNumber, isOtherNumber] = [/^\d+$/.test(a), /^\d+$/.test(b)]
    if (isNumber && isOtherNumber) return Number(a) - Number(b)
    if (isNumber !== isOtherNumber) return isNumber ? -1 : 1
    return a < b ? -1 : 1
  }
  return 0
}
