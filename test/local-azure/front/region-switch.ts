import type { RegionSwitch } from '../contracts.ts';

export interface SettableRegionSwitch extends RegionSwitch {
  turnOff(region: string): void;
  turnOn(region: string): void;
  listOff(): readonly string[];
  /** Called after every change. */
  onChange(listener: (region: string, isOff: boolean) => void): void;
}

export function createRegionSwitch(regions: readonly string[]): SettableRegionSwitch {
  const off = new Set<string>();
  const listeners: ((region: string, isOff: boolean) => void)[] = [];

  function change(region: string, isOff: boolean): void {
    const name = region.toLowerCase();
    if (!regions.includes(name)) {
      throw new RangeError(`region ${region} is not one of ${regions.join(', ')}`);
    }
    if (off.has(name) === isOff) return;
    if (isOff) off.add(name);
    else off.delete(name);
    for (const listener of listeners) listener(name, isOff);
  }

  return {
    isOff: (region) => off.has(region.toLowerCase()),
    turnOff: (region) => change(region, true),
    turnOn: (region) => change(region, false),
    listOff: () => [...off],
    onChange: (listener) => {
      listeners.push(listener);
    },
  };
}
