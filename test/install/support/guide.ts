/**
 * docs/install.md as a script: the commands of its steps, in order, exactly as they stand there.
 */

/** One numbered section of the guide. */
export interface Step {
  /** As in `## 2. The database`. */
  readonly title: string;
  /** The lines of its `sh` blocks, one block an entry. */
  readonly blocks: readonly string[];
}

/** The numbered steps of a guide in Markdown, in order. */
export function stepsOf(markdown: string): readonly Step[] {
  return markdown
    .split(/^## /m)
    .filter((section) => /^\d+\. /.test(section))
    .map((section) => ({
      title: section.split('\n', 1)[0] ?? '',
      blocks: Array.from(section.matchAll(/^```sh\n(.*?)^```$/gms), ([, lines = '']) => lines),
    }));
}

/**
 * Puts a reader's own values where the guide asks for them.
 *
 * @throws Error when the guide does not have one of the places, so that the two cannot drift apart
 */
export function filledIn(block: string, places: Readonly<Record<string, string>>): string {
  let text = block;
  for (const [place, value] of Object.entries(places)) {
    if (!text.includes(place)) throw new Error(`the guide no longer says: ${place}`);
    text = text.replaceAll(place, value);
  }
  return text;
}
