/**
 * A reader for several steps of one event. It asks Kong each question once, whichever step asks first. A plugin with one
 * part does not need it, and does not pay for it.
 */
import type { Kong } from '../shared/pdk.js';
import type { Reader } from './step.js';

/** Whether an answer holds for the whole event, or the call is made each time. */
type Table<T> = Readonly<Record<keyof T, 'once' | 'each'>>;

type Call = (...args: unknown[]) => unknown;

/** Makes the class of a namespace, such as `kong.request`. Done once per process, because an event needs many of them. */
function classOf<T extends object>(table: Table<T>): new (source: T) => T {
  class Namespace {
    readonly source: Readonly<Record<string, Call>>;
    answers: Map<string, unknown> | undefined;
    constructor(source: T) {
      this.source = source as Readonly<Record<string, Call>>;
    }
  }
  for (const [name, how] of Object.entries(table)) {
    const value =
      how === 'each'
        ? function each(this: Namespace, ...args: unknown[]) {
            return this.source[name]?.(...args);
          }
        : function once(this: Namespace, argument?: unknown) {
            this.answers ??= new Map();
            const key = argument === undefined ? name : `${name} ${argument}`;
            let answer = this.answers.get(key);
            if (answer === undefined) {
              answer = this.source[name]?.(argument);
              this.answers.set(key, answer);
            }
            return answer;
          };
    Object.defineProperty(Namespace.prototype, name, { value });
  }
  return Namespace as unknown as new (
    source: T,
  ) => T;
}

const Client = classOf<Reader['client']>({
  authenticate: 'each',
  getConsumer: 'once',
  getCredential: 'once',
  getForwardedIp: 'once',
  getForwardedPort: 'once',
  getIp: 'once',
  getPort: 'once',
  getProtocol: 'once',
  loadConsumer: 'each',
});

const Shared = classOf<Reader['ctx']['shared']>({ get: 'once' });

const Log = classOf<Reader['log']>({ serialize: 'once' });

const Nginx = classOf<Reader['nginx']>({ getCtx: 'once', getVar: 'once' });

const Request = classOf<Reader['request']>({
  getForwardedHost: 'once',
  getForwardedPort: 'once',
  getForwardedScheme: 'once',
  getHeader: 'once',
  getHeaders: 'once',
  getHost: 'once',
  getHttpVersion: 'once',
  getMethod: 'once',
  getPath: 'once',
  getPathWithQuery: 'once',
  getPort: 'once',
  getQuery: 'once',
  getQueryArg: 'once',
  // Each caller has a limit of its own, and nobody keeps a body longer than it needs it.
  getRawBody: 'each',
  getRawQuery: 'once',
  getScheme: 'once',
  getUriCaptures: 'once',
});

const Response = classOf<Reader['response']>({
  getHeader: 'once',
  getHeaders: 'once',
  getSource: 'once',
  getStatus: 'once',
});

const Router = classOf<Reader['router']>({ getRoute: 'once', getService: 'once' });

const ServiceResponse = classOf<Reader['service']['response']>({
  getHeader: 'once',
  getHeaders: 'once',
  getRawBody: 'each',
  getStatus: 'once',
});

/** Makes the reader of one event. Namespaces are made when they are first used. */
export function askedOnce(kong: Kong): Reader {
  return new AskedOnce(kong);
}

class AskedOnce implements Reader {
  readonly #kong: Kong;
  #client: Reader['client'] | undefined;
  #ctx: Reader['ctx'] | undefined;
  #log: Reader['log'] | undefined;
  #nginx: Reader['nginx'] | undefined;
  #request: Reader['request'] | undefined;
  #response: Reader['response'] | undefined;
  #router: Reader['router'] | undefined;
  #service: Reader['service'] | undefined;

  constructor(kong: Kong) {
    this.#kong = kong;
  }
  get client() {
    this.#client ??= new Client(this.#kong.client);
    return this.#client;
  }
  get ctx() {
    this.#ctx ??= { shared: new Shared(this.#kong.ctx.shared) };
    return this.#ctx;
  }
  get log() {
    this.#log ??= new Log(this.#kong.log);
    return this.#log;
  }
  get nginx() {
    this.#nginx ??= new Nginx(this.#kong.nginx);
    return this.#nginx;
  }
  get request() {
    this.#request ??= new Request(this.#kong.request);
    return this.#request;
  }
  get response() {
    this.#response ??= new Response(this.#kong.response);
    return this.#response;
  }
  get router() {
    this.#router ??= new Router(this.#kong.router);
    return this.#router;
  }
  get service() {
    if (this.#service === undefined) {
      const { service } = this.#kong;
      const response = new ServiceResponse(service.response);
      this.#service = { setUpstream: (name) => service.setUpstream(name), response };
    }
    return this.#service;
  }
}
