import { describe, expect, it } from 'vitest';
import { parseRoute } from './route-template.ts';

describe('parseRoute', () => {
  it('turns parameters into paths, two when the last is optional', () => {
    expect(parseRoute('api/vms/{id}').paths).toEqual(['/api/vms/:id']);
    expect(parseRoute('api/vms/{id?}').paths).toEqual(['/api/vms', '/api/vms/:id']);
    expect(parseRoute('api/files/{*path}').paths).toEqual(['/api/files', '/api/files/*']);
    expect(parseRoute('api/a:b').paths).toEqual(['/api/a::b']);
  });

  it.each([
    ['int', '12', '1.5'],
    ['int', '-2147483648', '2147483648'],
    ['long', '9223372036854775807', '9223372036854775808'],
    ['bool', 'True', 'yes'],
    ['datetime', '2026-01-02T03:04:05Z', 'tomorrow'],
    ['decimal', '1.5', 'x'],
    ['guid', 'D3B07384-D9A0-4C9B-8F3B-0A1B2C3D4E5F', 'd3b07384'],
    ['alpha', 'abc', 'a1'],
    ['minlength(2)', 'ab', 'a'],
    ['maxlength(2)', 'ab', 'abc'],
    ['length(2,3)', 'abc', 'abcd'],
    ['length(2)', 'ab', 'abc'],
    ['min(3)', '3', '2'],
    ['max(3)', '3', '4'],
    ['range(1,3)', '2', '4'],
    ['regex(^a:b+$)', 'a:bb', 'ab'],
    ['int:min(3)', '5', '2'],
  ])('checks %s: %s passes, %s does not', (constraint, good, bad) => {
    const check = parseRoute(`x/{p:${constraint}}`).checks.get('p');
    expect([check?.(good), check?.(bad)]).toEqual([true, false]);
  });

  it.each([
    ['x/{a:nothing}', 'nothing'],
    ['x/{a}/{a}', 'occurs twice'],
    ['x/{a?}/b', 'only the last segment'],
    ['x/{}', 'mixes text'],
    ['x/{a b}', 'no valid name'],
    ['x/pre{a}', 'mixes text'],
  ])('refuses %s', (template, text) => {
    expect(() => parseRoute(template)).toThrow(text);
  });
});
