/**
 * The `kong` object of one event, built from the table of methods. Each call goes through the event's connection. What
 * kong-pdk's types offer beyond ProtoBuf:1 throws on access, with the reason.
 */
import type { Kong } from '../../plugins/shared/pdk.js';
import { isMethod, METHODS, type Method, type MethodTree, type ReplyLimit, UNSUPPORTED_METHODS } from './methods.js';
import { PdkError } from './pdk-error.js';

/** Sends a PDK call. Resolves at once if the method has no reply. @throws PdkError, see connection.ts */
export type PdkCall = (method: Method, argument: unknown, limit?: ReplyLimit) => Promise<unknown>;

/** A namespace of the PDK, bound to its event. */
class Namespace {
  /** Declared only: a field, defined before it is assigned, makes each call cost 180 ns instead of 8 (measured). */
  declare readonly call: PdkCall;
  constructor(call: PdkCall) {
    this.call = call;
  }
}

/** Makes the class of a namespace once per process. An event creates only the objects that its handler uses. */
function classOf(path: string, members: MethodTree): typeof Namespace {
  class Api extends Namespace {}
  for (const [name, member] of Object.entries(members)) {
    Object.defineProperty(
      Api.prototype,
      name,
      isMethod(member) ? callOf(member) : getterOf(classOf(`${path}.${name}`, member)),
    );
  }
  for (const name of UNSUPPORTED_METHODS.filter((each) => each.slice(0, each.lastIndexOf('.')) === path)) {
    Object.defineProperty(Api.prototype, camelCase(name.slice(path.length + 1)), refusalOf(name));
  }
  return Api;
}

function callOf(method: Method): PropertyDescriptor {
  const { result, limit } = method;
  return {
    value:
      result === undefined
        ? function (this: Namespace, ...args: unknown[]) {
            return this.call(method, method.toArgument(...args), limit?.(...args));
          }
        : async function (this: Namespace, ...args: unknown[]) {
            return result(await this.call(method, method.toArgument(...args)), ...args);
          },
  };
}

function getterOf(Api: typeof Namespace): PropertyDescriptor {
  return {
    get(this: Namespace) {
      return new Api(this.call);
    },
  };
}

function refusalOf(name: string): PropertyDescriptor {
  return {
    get() {
      throw new PdkError(`${name} cannot be had over ProtoBuf:1`);
    },
  };
}

function camelCase(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

const KongApi = classOf('kong', METHODS);

/** Makes the `kong` object of an event. */
export function createKong(call: PdkCall): Kong {
  return new KongApi(call) as unknown as Kong;
}
