import { type AdmissionOptions } from '../../../src/runtime/admission/admission-options.js'
import { createAdmission } from '../../../src/runtime/admission/create-admission.js'
import { type ModeOptions, createMode } from '../../../src/runtime/modes/create-mode.js'
import { simulatedClock } from '../../../src/testing/index.js'
import { FakeHost } from '../modes/fake-host.js'

/** An admission with a fake host and a clock that stands still. */
export function setUp(options: AdmissionOptions = {}, mode: ModeOptions = { type: 'transient' }) {
  const clock = simulatedClock()
  const host = new FakeHost()
  const admission = createAdmission(options, (inner) => createMode(mode, inner), host, clock)
  return { admission, clock, host }
}
