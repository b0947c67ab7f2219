/** A process full of clients; told what to do by the soak that forked it. */
import { NOTHING, sum } from './course-judge.ts';
import { EXPLANATIONS_MAX, type Command, type Report } from './client-report.ts';
import type { Courses } from './courses.ts';
import { SoakClient } from './soak-client.ts';

const clients: SoakClient[] = [];

// Our own parent's writing.
process.on('message', (message: Command) => {
  switch (message.kind) {
    case 'start':
      for (const client of message.assignment.clients)
        clients.push(new SoakClient(message.assignment.url, client));
      return;
    case 'report':
      process.send?.(reportOf(message.courses));
  }
});
process.on('disconnect', () => process.exit());

function reportOf(courses: Courses | null): Report {
  const verdicts = courses === null ? [] : clients.map((client) => client.judge(courses));
  const total = (count: (client: SoakClient) => number): number =>
    clients.reduce((all, client) => all + count(client), 0);
  const losses: Record<string, number> = {};
  for (const loss of clients.flatMap((client) => client.losses))
    losses[loss] = (losses[loss] ?? 0) + 1;
  return {
    clients: clients.length,
    live: clients.filter(({ isLive, hasStates }) => isLive && hasStates).length,
    events: total(({ events }) => events),
    returns: total(({ returns }) => returns),
    fallbacks: total(({ fallbacks }) => fallbacks),
    recoveryMs: clients.flatMap(({ recoveryMs }) => recoveryMs),
    losses,
    items: verdicts.reduce((all, { items }) => sum(all, items), NOTHING),
    byName: verdicts.reduce((all, { byName }) => sum(all, byName), NOTHING),
    wrongStates: verdicts.reduce((all, { wrongStates }) => all + wrongStates, 0),
    explanations: verdicts.flatMap(({ explanations }) => explanations).slice(0, EXPLANATIONS_MAX),
  };
}
