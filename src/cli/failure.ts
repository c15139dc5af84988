/** A command cannot do what it was asked for; the message says why in one line, and a stack would not help. */
export class Failure extends Error {}

/** A command line is not understood; the message says what is wrong with it. */
export class BadUsage extends Error {}
