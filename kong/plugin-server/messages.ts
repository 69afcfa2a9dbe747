/** What Kong and a plugin server say to each other in ProtoBuf:1 apart from PDK calls, by field numbers. */
import { bytesField, intField, message, oneofField, stringField, stringsField } from '../pdk/codec.js';

/** A call: exactly one of the commands is set. Kong 3.9 makes neither number 31, by which readiness is asked, nor 32. */
export interface RpcCall {
  sequence: number;
  cmd_get_plugin_names?: Record<string, never> | undefined;
  cmd_start_instance?: { name: string; config: Buffer } | undefined;
  cmd_get_instance_status?: { instance_id: number } | undefined;
  cmd_close_instance?: { instance_id: number } | undefined;
  cmd_handle_event?: { instance_id: number; event_name: string } | undefined;
}
const instanceIdMessage = message<{ instance_id: number }>({ instance_id: intField(1) });
const startInstanceMessage = message<{ name: string; config: Buffer }>({ name: stringField(1), config: bytesField(2) });
const handleEventMessage = message<{ instance_id: number; event_name: string }>({
  instance_id: intField(1),
  event_name: stringField(2),
});
export const rpcCallMessage = message<RpcCall>({
  sequence: intField(1),
  cmd_get_plugin_names: oneofField(31, message<Record<string, never>>({})),
  cmd_start_instance: oneofField(33, startInstanceMessage),
  cmd_get_instance_status: oneofField(34, instanceIdMessage),
  cmd_close_instance: oneofField(35, instanceIdMessage),
  cmd_handle_event: oneofField(36, handleEventMessage),
});

export interface InstanceStatus {
  name: string;
  instance_id: number;
  /** Seconds since 1970. */
  started_at: number;
}

/** The answer to an RpcCall of the same sequence. */
export interface RpcReturn {
  sequence: number;
  plugin_names?: { names: string[] } | undefined;
  instance_status?: InstanceStatus | undefined;
}
export const rpcReturnMessage = message<RpcReturn>({
  sequence: intField(1),
  plugin_names: oneofField(31, message<{ names: string[] }>({ names: stringsField(1) })),
  instance_status: oneofField(
    33,
    message<InstanceStatus>({ name: stringField(1), instance_id: intField(2), started_at: intField(4) }),
  ),
});
