import { EVENT_TYPES, toPlayedText } from './history-events.ts';
import type { Execution, InstanceRow, Schedule } from './instance-model.ts';
import type { Store } from './store.ts';

/** An execution that has no history yet. */
export function newExecution(row: InstanceRow): Execution {
  return {
    row,
    played: [],
    schedules: [],
    openTasks: new Map(),
    raised: new Map(),
    turns: 0,
    inbox: [],
    isBusy: false,
  };
}

/** Notes that the history holds one more event of this name. */
export function countRaised(execution: Execution, name: string): void {
  execution.raised.set(name, (execution.raised.get(name) ?? 0) + 1);
}

/** Adds those of one turn; one that bears a known number stands in the place of a rewound one. */
function addSchedules(all: Schedule[], added: readonly Schedule[]): void {
  for (const schedule of added) {
    const index = all.findIndex((known) => known.fate === 'rewound' && known.id === schedule.id);
    if (index < 0) {
      all.push(schedule);
    } else {
      all[index] = schedule;
    }
  }
}

/** Rebuilds an execution, without its inbox, from the store. */
export function loadExecution(row: InstanceRow, store: Store): Execution {
  const execution = newExecution(row);
  for (const turn of store.readTurns(row.id)) {
    execution.played.push(...turn.events.map(toPlayedText));
    addSchedules(execution.schedules, turn.schedules);
    for (const event of turn.events) {
      if (event.EventType === EVENT_TYPES.eventRaised) {
        countRaised(execution, String(event['Name']));
      }
    }
    execution.turns += 1;
  }
  for (const task of store.listOpenTasks(row.id)) {
    execution.openTasks.set(task.id, task);
  }
  return execution;
}
