/** Kong's request-size-limiting (kong/plugins/request-size-limiting/handler.lua). */
import type { GatewayPlugin } from '../plugin.js';
import { readRequestBody } from '../request-body.js';
import type { RequestContext } from '../request-context.js';
import { errorAnswer } from './answers.js';
import { flag, protocolsHttp } from './fields.js';

interface SizeConfig {
  allowed_payload_size: number;
  size_unit: keyof typeof UNIT_BYTES;
  require_content_length: boolean;
}

const UNIT_BYTES = { megabytes: 1_048_576, kilobytes: 1024, bytes: 1 } as const;

export const requestSizeLimiting: GatewayPlugin = {
  name: 'request-size-limiting',
  priority: 951,
  fields: [
    { protocols: protocolsHttp },
    {
      config: {
        type: 'record',
        fields: [
          { allowed_payload_size: { type: 'integer', default: 128 } },
          { size_unit: { type: 'string', required: true, default: 'megabytes', one_of: Object.keys(UNIT_BYTES) } },
          { require_content_length: flag(false) },
        ],
      },
    },
  ],
  access: (context, { config }) => limitSize(context, config as unknown as SizeConfig),
};

async function limitSize(context: RequestContext, config: SizeConfig): Promise<void> {
  const declared = context.headers.get('content-length');
  if (declared === undefined && config.require_content_length) {
    if (context.headers.get('transfer-encoding') !== 'chunked') {
      context.exit = errorAnswer(context, 411, 'A valid Content-Length header is required');
      return;
    }
  }
  const bytes = declared === undefined ? (await readRequestBody(context)).length : Number(declared);
  if (bytes <= config.allowed_payload_size * UNIT_BYTES[config.size_unit]) return;
  const waits = context.headers.get('expect')?.trim().toLowerCase() === '100-continue';
  context.exit = errorAnswer(context, waits ? 417 : 413, 'Request size limit exceeded');
}
