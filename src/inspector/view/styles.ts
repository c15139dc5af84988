import { ganttStyles } from './styles/gantt.js'
import { graphStyles } from './styles/graph.js'
import { listStyles } from './styles/lists.js'
import { pageStyles } from './styles/pages.js'
import { runStyles } from './styles/run.js'
import { shellStyles } from './styles/shell.js'
import { themeStyles } from './styles/theme.js'

let sheet: CSSStyleSheet | undefined

/** The style sheet of the element, one for all of them: no inline style, so that a strict policy allows it. */
export function inspectorStyles(): CSSStyleSheet {
  if (!sheet) {
    sheet = new CSSStyleSheet()
    const parts = [themeStyles, shellStyles, listStyles, runStyles, ganttStyles, graphStyles, pageStyles]
    sheet.replaceSync(parts.join('\n'))
  }
  return sheet
}
