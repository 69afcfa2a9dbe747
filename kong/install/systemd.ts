/** The systemd unit that runs the plugin servers where Kong does not. Pure. */
import { dirname } from 'node:path';
import { patienceSeconds } from '../plugin-server/deadline.js';
import { commandsOf, deadlineOf, type InstallSettings } from './plugin-server-settings.js';

/** What a plugin server writes to, by its flags: a file of entries, or a folder of such files. */
const WRITES = /(?:^| )--(stdout|log-dir|state-dir)[= ](\S+)/g;

/**
 * Returns the unit. Kong starts after it and stops before it, if Kong's own unit is `kong.service`: requests that Kong
 * still answers while it stops need the plugins.
 */
export function asSystemdUnit(settings: InstallSettings): string {
  const [first] = commandsOf(settings);
  if (first?.startCommand === undefined) throw new Error('no plugin was chosen');
  const { flags, log } = settings;
  const written = [...flags.join(' ').matchAll(WRITES)].map(([, flag, path = '']) =>
    flag === 'stdout' ? dirname(path) : path,
  );
  const output = log === undefined ? [] : [`StandardOutput=append:${log}`, 'StandardError=inherit'];
  return `${[
    '[Unit]',
    'Description=Plugins of Kong Gateway for Genesys Cloud',
    'Before=kong.service',
    '',
    '[Service]',
    "# The user of Kong's workers.",
    'User=kong',
    `ExecStart=${first.startCommand}`,
    '# Kong is to find the socket.',
    `ExecStartPost=/bin/sh -c 'until test -S ${first.socket}; do sleep 0.1; done'`,
    ...output,
    'Restart=always',
    'RestartSec=1',
    '# For requests that have begun, and for what waits to be written.',
    `TimeoutStopSec=${2 * patienceSeconds(deadlineOf(flags))}`,
    'RuntimeDirectory=kong-genesys-cloud',
    'RuntimeDirectoryMode=0750',
    'NoNewPrivileges=yes',
    'CapabilityBoundingSet=',
    'PrivateDevices=yes',
    'PrivateTmp=yes',
    'ProtectHome=yes',
    'ProtectSystem=strict',
    ...(written.length === 0 ? [] : [`ReadWritePaths=${[...new Set(written)].join(' ')}`]),
    '',
    '[Install]',
    'WantedBy=multi-user.target kong.service',
  ].join('\n')}\n`;
}
