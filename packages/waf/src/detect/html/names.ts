/**
 * Elements that run script, load documents, or change how a page is read, by themselves. `svg` and `math` switch the
 * parser to another language, `title`, `xmp` and their like to text. All others are judged by their attributes.
 */
export const ACTIVE_ELEMENTS: ReadonlySet<string> = new Set([
  'animate',
  'animatemotion',
  'animatetransform',
  'applet',
  'base',
  'embed',
  'foreignobject',
  'frame',
  'frameset',
  'handler',
  'iframe',
  'ilayer',
  'import',
  'isindex',
  'layer',
  'link',
  'listener',
  'math',
  'meta',
  'noscript',
  'object',
  'portal',
  'scriptlet',
  'script',
  'set',
  'style',
  'svg',
  'template',
  'plaintext',
  'noframes',
  'noembed',
  'xmp',
  'textarea',
  'title',
  'vmlframe',
  'xml',
]);

/** Elements that hold text: their end tag lets a value out of one that the application began. */
export const TEXT_ELEMENTS: ReadonlySet<string> = new Set([
  'iframe',
  'noembed',
  'noframes',
  'noscript',
  'script',
  'style',
  'textarea',
  'title',
  'xmp',
]);

/** Attributes whose value is markup or names another attribute, whatever the element. */
export const ACTIVE_ATTRIBUTES: ReadonlySet<string> = new Set([
  'srcdoc',
  'datasrc',
  'dataformatas',
  'attributename',
  'xmlns',
  'fscommand',
  'seeksegmenttime',
]);

/** Attributes that hold a URL which is loaded or followed. */
export const URL_ATTRIBUTES: ReadonlySet<string> = new Set([
  'action',
  'background',
  'by',
  'code',
  'codebase',
  'content',
  'data',
  'formaction',
  'from',
  'handler',
  'href',
  'poster',
  'src',
  'to',
  'value',
  'values',
  'xlink:href',
]);

/** Schemes whose URL is a program. */
export const SCRIPT_SCHEMES: readonly string[] = ['javascript:', 'vbscript:', 'livescript:', 'jscript:', 'mocha:'];

/** Schemes that carry a document of their own or show another's source. */
export const DOCUMENT_SCHEMES: readonly string[] = ['data:', 'view-source:', 'feed:', 'jar:', 'blob:', 'filesystem:'];

/** Media types behind `data:` that no browser runs script from. */
export const INERT_DATA: readonly string[] = [
  'image/png',
  'image/gif',
  'image/jpeg',
  'image/webp',
  'audio/',
  'video/',
  'font/',
];
