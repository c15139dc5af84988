/** For piscina and tinypool: both take a module that exports its tasks. */
export const add = ({ a, b }) => a + b
