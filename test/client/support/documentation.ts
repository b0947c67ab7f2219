import { readFile } from 'node:fs/promises';

/** The fenced examples of docs/client.md in one language, in the order they stand. */
export async function examplesOf(language: 'js' | 'html' | 'tsx'): Promise<string[]> {
  const text = await readFile(new URL('../../../docs/client.md', import.meta.url), 'utf8');
  return [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)]
    .filter((match) => match[1] === language)
    .map((match) => match[2] ?? '');
}
