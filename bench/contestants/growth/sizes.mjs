const given = Object.fromEntries(process.argv.slice(2).map((each) => each.split('=')))
const size = (name, otherwise) => Number(given[name] ?? otherwise)

/** What is varied, from the command line. */
export const sizes = {
  workflows: size('workflows', 1),
  stages: size('stages', 3),
  bytes: size('bytes', 0),
  /** 0 for none. */
  keys: size('keys', 0),
}

/** Nested data of about that many bytes, as objects of 100 bytes. */
export function ballast(bytes) {
  return Array.from({ length: Math.ceil(bytes / 100) }, (_, index) => ({
    index,
    name: `item ${index}`,
    tags: ['some', 'words', 'in', 'an', 'array'],
    note: 'x'.repeat(30),
  }))
}
