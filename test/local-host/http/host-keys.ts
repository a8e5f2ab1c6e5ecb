import { timingSafeEqual } from 'node:crypto';
import type { AuthLevel } from './route-table.ts';

export interface HostKeys {
  /** Default function key, valid for every function. */
  functionKey: string;
  masterKey: string;
  /** Key of the Durable extension's webhook. */
  systemKey: string;
}

function isSame(given: string, expected: string): boolean {
  const left = Buffer.from(given);
  const right = Buffer.from(expected);
  return left.length === right.length && timingSafeEqual(left, right);
}

/** The key of a request: header `x-functions-key` or query parameter `code`. */
export function readKey(header: string | string[] | undefined, query: URLSearchParams): string {
  return (Array.isArray(header) ? header[0] : header) ?? query.get('code') ?? '';
}

/** Whether `key` opens `level`; the master key opens everything. */
export function isAuthorized(keys: HostKeys, level: AuthLevel | 'system', key: string): boolean {
  if (level === 'anonymous' || isSame(key, keys.masterKey)) {
    return true;
  }
  if (level === 'function') {
    return isSame(key, keys.functionKey);
  }
  return level === 'system' && isSame(key, keys.systemKey);
}
