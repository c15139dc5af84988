/** The library with which both sides reach SQLite: what Node has, where it has it, as for Busline's driver. */
const builtIn = process.getBuiltinModule?.('node:sqlite')

export const ENGINE = builtIn ? 'node:sqlite' : 'libsql'

/** Opens a file as a hand would. */
export async function openByHand(file) {
  const Database = builtIn ? builtIn.DatabaseSync : (await import('libsql')).default
  return new Database(file)
}
