/** The six lines of `npm start`, each of which shows one thing, and what to see in it. `npm run demo` plays them. */
import { styleText } from 'node:util';
import type { DevelopmentAccess } from '../../kong/testbed/development-config.js';

export interface Step {
  title: string;
  /** A command line for a shell. */
  command: string;
  /** What to look for in what it prints. */
  see: string;
}

/** What has been started. URLs have no slash at the end. */
export interface Started {
  gatewayUrl: string;
  pageUrl: string;
  operatorUrl: string;
  /** Where the audit log is. */
  auditPath: string;
  access: DevelopmentAccess;
}

export function stepsOf({ gatewayUrl, pageUrl, operatorUrl, auditPath, access }: Started): Step[] {
  const { key, clientId, clientSecret } = access;
  const { hostname, port } = new URL(gatewayUrl);
  const withKey = `curl -s -H 'apikey: ${key}'`;
  return [
    {
      title: 'A page of users, before and after the filter',
      command: `${withKey} '${gatewayUrl}/api/v2/users?pageSize=1'; echo; ${withKey} '${gatewayUrl}/directory?pageSize=1'`,
      see: 'of the second, id, name and email are all that is left; and no Genesys credential was sent',
    },
    {
      title: "The audit log's entry of it, masked",
      command: `tail -n 1 '${auditPath}'`,
      see: 'who asked for what, when, and with which answer; no name, no address, no token',
    },
    {
      title: 'A budget that holds: 20 analytics queries a minute',
      command: `${withKey} -D - -w '\\n' '${gatewayUrl}/api/v2/analytics/reporting/settings?n=[1-21]' | grep -A 14 '^HTTP.* 429'`,
      see: '429 with Retry-After and RateLimit-*, in the shape that Genesys has for it; Genesys was not asked',
    },
    {
      title: 'One token for all of these requests',
      command: `curl -s '${pageUrl}/tokens'`,
      see: 'uses: as many requests as went to Genesys; a ref in the place of the token',
    },
    {
      title: "The login of Genesys' own tools",
      command: `curl -s -u ${clientId}:${clientSecret} -d grant_type=client_credentials '${gatewayUrl}/oauth/token'`,
      see:
        `a token of the gateway's own. SDK: client.setGateway({ protocol: 'http', host: '${hostname}', port: ${port} }); ` +
        `client.loginClientCredentialsGrant('${clientId}', '${clientSecret}')`,
    },
    {
      title: 'Metrics for Prometheus',
      command: `curl -s '${operatorUrl}/metrics' | grep '^genesys_quota_decisions_total'`,
      see: 'admitted, and analytics: what was refused, by limit',
    },
  ];
}

/** Marks text: `command` what to type, `see` what to look for. */
export interface Colours {
  title(text: string): string;
  command(text: string): string;
  see(text: string): string;
}

/** Whether to colour what goes to a stream: a terminal, unless NO_COLOR has a value (no-color.org). */
export function wantsColour(isTerminal: boolean, env: NodeJS.ProcessEnv): boolean {
  return isTerminal && !env.NO_COLOR && env.TERM !== 'dumb';
}

export function coloursFor(isColoured: boolean): Colours {
  const style =
    (format: 'bold' | 'cyan' | 'green') =>
    (text: string): string =>
      // Whether the stream is a terminal has been asked.
      isColoured ? styleText(format, text, { validateStream: false }) : text;
  return { title: style('bold'), command: style('cyan'), see: style('green') };
}

/** Prints the steps, for whoever pastes them. */
export function printSteps(steps: readonly Step[], { title, command, see }: Colours): string {
  return steps
    .map((step, index) => {
      return `${title(`${index + 1}. ${step.title}`)}\n   ${command(step.command)}\n   ${see(`see ${step.see}`)}`;
    })
    .join('\n');
}
