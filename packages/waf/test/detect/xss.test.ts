import { describe, expect, test } from 'vitest';
import { inspectHtml } from '../../src/detect/html/xss.ts';
import { detectors } from '../../src/detect/index.ts';

describe('the detector of script injection', () => {
  test.each([
    ['<script>f()</script>', 'element', 'data'],
    ['<ScRiPt/x>f()', 'element', 'data'],
    ['<scr\0ipt>f()</script>', 'element', 'data'],
    ['x<svg/onload=f()>', 'element', 'data'],
    ['<x:script xmlns:x="y">', 'element', 'data'],
    ['</script>x', 'element', 'data'],
    ['<img src=x onerror=f()>', 'event', 'data'],
    ['<img src=x\nonerror\n=f()>', 'event', 'data'],
    ['<img/src="x"/onerror="f()">', 'event', 'data'],
    ['<a href="javascript:f()">', 'url', 'data'],
    ['<a href="&#106;ava\tscript&colon;f()">', 'url', 'data'],
    ['<a href="&#x0000006a;avascript:f()">', 'url', 'data'],
    ['<a href=" \x01javascript:f()">', 'url', 'data'],
    ['<embed2 src="data:text/html;base64,eA==">', 'url', 'data'],
    ['<p style="width:expression(f())">', 'style', 'data'],
    ['<a srcdoc="x">', 'attribute', 'data'],
    ['<!DOCTYPE x [<!ENTITY y "z">]>', 'markup', 'data'],
    ['<!--[if IE]><p>', 'markup', 'data'],
    ['<!-- --!><img src=x onerror=f()>', 'event', 'data'],
    ['<x =`><img src=x onerror=f()>`>', 'event', 'data'],
    ['<p title="</title><img src=x onerror=f()>">', 'element', 'flat'],
    ['<p title="--><img src=x onerror=f()>">', 'event', 'flat'],
    ['<!--</p><img src=x onerror=f()>', 'event', 'flat'],
    ['onclick==f() x', 'event', 'tag'],
    ['onclick=f() x', 'event', 'tag'],
    ['x onmouseover=f()', 'event', 'tag'],
    ["x='y onmouseover=f()", 'event', 'unquoted'],
    ["x' onmouseover='f()", 'event', 'tag'],
    ["x'onmouseover='f()", 'event', 'single'],
    ['x"onfocus="f()" autofocus y="', 'event', 'double'],
    ['javascript:f()', 'url', 'unquoted'],
    ['java\nscript:f()', 'url', 'unquoted'],
    ["';f();//", 'script', 'single'],
    ['"-f()-"', 'script', 'double'],
    // Found by a review: a tagged template is a call, and has none of the signs of any other.
    ["'-f`1`-'", 'script', 'single'],
  ])('finds %j', (value, structure, context) => {
    expect(detectors.xss(value)).toBe(true);
    expect(inspectHtml(value)).toMatchObject({ structure, context });
  });

  test.each([
    '',
    'a < b and c > d',
    '5<6',
    '<3',
    '<b>bold</b> <i class="x">text</i> <br/> <p align=left>',
    '<a href="https://example.com/?a=b&c=d" title="x">link</a>',
    '<img src="data:image/png;base64,iVBORw0KGgo=" alt="x">',
    'https://example.com/?a=b&online=1#c',
    'javascript: the good parts',
    'one = 1, only = 2',
    'on sale = now',
    'Tom & Jerry; "quoted" (text)',
    "it's a call (really)",
    'x = f(y)',
    'if (a && b) { c(d); }',
    'data: see table 3',
    '{"a": "b (c)", "d": "e"}',
    "O'Brien, (555) 123",
    'yNay9/ONtDy4cmvQNazRUsAzEtCm13uvoDMPbhzE6oCg6BYTa3KGRC3ib8hEwxGI67f3ricOsRfGe7wLhtuMA3Gw/onkjfw==',
  ])('passes %j', (value) => {
    expect(detectors.xss(value)).toBe(false);
  });
});
