import { describe, expect, it } from 'vitest';
import { readSettings, registeredRoles, SettingInvalid } from '../../../functions/shared/config.ts';
import sample from '../../../local.settings.sample.json' with { type: 'json' };

const env = { ...sample.Values };
const without = (...names: string[]) =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !names.includes(name)));
const problemOf = (given: Record<string, string | undefined>): SettingInvalid => {
  try {
    readSettings(given);
  } catch (error) {
    if (error instanceof SettingInvalid) return error;
    throw error;
  }
  throw new Error('the settings were accepted');
};

describe('readSettings', () => {
  it('accepts the sample', () => {
    expect(readSettings(env)).toMatchObject({
      roles: ['protect', 'move', 'expire', 'restore'],
      homeRegion: 'westeurope',
      replicaTargets: [{ name: 'paired', region: 'northeurope' }],
      copyMover: 'verified',
      hasManagedIdentity: false,
    });
  });

  it('has defaults for what is the same nearly everywhere', () => {
    const settings = readSettings(
      without('LOCKSTEP_ROLES', 'LOCKSTEP_ARM_ENDPOINT', 'LOCKSTEP_COPY_MOVER'),
    );

    expect(settings.roles).toHaveLength(4);
    expect(settings.armEndpoint).toBe('https://management.azure.com');
    expect(settings.copyMover).toBe('verified');
  });

  it('asks an app that only restores for nothing of the first region', () => {
    const given = {
      ...without('LOCKSTEP_SNAPSHOT_RESOURCE_GROUP', 'LOCKSTEP_SESSION_BLOB_ENDPOINT'),
      LOCKSTEP_ROLES: 'restore',
    };

    expect(readSettings(given).roles).toEqual(['restore']);
    expect(problemOf({ ...given, LOCKSTEP_ROLES: 'protect' }).message).toContain(
      'LOCKSTEP_SNAPSHOT_RESOURCE_GROUP is missing',
    );
  });

  it.each([
    ['LOCKSTEP_ROLES', 'protect,mvoe'],
    ['LOCKSTEP_SUBSCRIPTION_ID', 'mine'],
    ['LOCKSTEP_SUBSCRIPTION_ID', ''],
    ['LOCKSTEP_DEPLOYMENT_ID', 'Lock_step'],
    ['LOCKSTEP_ARM_ENDPOINT', 'http://arm'],
    ['LOCKSTEP_HOME_REGION', 'West Europe'],
    ['LOCKSTEP_CATALOG_TABLE_ENDPOINT', 'https://c.table.core.windows.net/?sv=1&sig=x'],
    ['LOCKSTEP_RESTORE_SUBNET_ID', 'subnet'],
    ['LOCKSTEP_COPY_MOVER', 'fast'],
    ['LOCKSTEP_REPLICA_TARGETS', '{'],
    ['LOCKSTEP_REPLICA_TARGETS', '{}'],
    ['LOCKSTEP_REPLICA_TARGETS', '[{"name":"paired"}]'],
    ['LOCKSTEP_REPLICA_TARGETS', env.LOCKSTEP_REPLICA_TARGETS.replace('paired', 'primary')],
  ])('names %s when it is %s, and says what to do', (name, value) => {
    const problem = problemOf({ ...env, [name]: value });

    expect(problem).toMatchObject({ errorCode: 'SettingInvalid', target: name });
    expect(problem.message).toContain(name);
    expect(problem.message).not.toContain('sig=x');
  });

  it('refuses two targets of one name', () => {
    const [target] = JSON.parse(env.LOCKSTEP_REPLICA_TARGETS) as unknown[];
    const given = { ...env, LOCKSTEP_REPLICA_TARGETS: JSON.stringify([target, target]) };

    expect(problemOf(given).message).toContain('twice');
  });

  it('names everything that is wrong at once', () => {
    const { message } = problemOf({});

    expect(message).toContain('LOCKSTEP_SUBSCRIPTION_ID');
    expect(message).toContain('LOCKSTEP_HOME_REGION');
  });
});

describe('registeredRoles', () => {
  it('registers everything when the roles are wrong, so that every function can say so', () => {
    expect(registeredRoles({ LOCKSTEP_ROLES: 'protect,mvoe' })).toHaveLength(4);
    expect(registeredRoles({ LOCKSTEP_ROLES: ' restore , move ' })).toEqual(['move', 'restore']);
  });
});
