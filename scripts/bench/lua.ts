/**
 * The plugins' work as one would write it in Lua inside Kong, for its post-function plugin: without their checks,
 * failover, pools, rules or error answers, but with the same effect on the benchmarks' requests.
 */
import { KEPT_FIELDS } from './pages.js';

/** Chunks of Lua by phase, as post-function takes them. */
export type LuaPhases = Partial<Record<'access' | 'header_filter' | 'body_filter' | 'log', string>>;

/** cjson and io are not among what Kong's sandbox lets Lua load. */
export const LUA_ENV = { KONG_UNTRUSTED_LUA: 'on' };

/** genesys-token-manager: a token out of Kong's cache, and a new one after a 401. */
export const LUA_TOKEN: LuaPhases = {
  access: `
    local token = kong.cache:get("bench-token", { ttl = 300 }, function() return "a-token" end)
    kong.service.request.set_header("Authorization", "Bearer " .. token)
    kong.service.request.clear_header("apikey")`,
  log: `
    if kong.service.response.get_status() == 401 then kong.cache:invalidate("bench-token") end`,
};

/** genesys-response-filter; numbers of more than 14 digits do not survive it. */
export const LUA_FILTER: LuaPhases = {
  header_filter: 'kong.response.clear_header("Content-Length")',
  body_filter: `
    local body = kong.response.get_raw_body()
    if body then
      local cjson = require("cjson.safe")
      local page = cjson.decode(body)
      for index, user in ipairs(page.entities) do
        page.entities[index] = { ${KEPT_FIELDS.map((field) => `${field} = user.${field}`).join(', ')} }
      end
      kong.response.set_raw_body(cjson.encode(page))
    end`,
};

/**
 * genesys-pii-log with both bodies, up to its default of 16 KiB: fields masked by name, email addresses by pattern.
 * @param file where entries go
 */
export function luaLog(file: string): LuaPhases {
  return {
    access: 'kong.ctx.shared.request_body = kong.request.get_raw_body()',
    body_filter: `
      local body = kong.response.get_raw_body()
      if body then kong.ctx.shared.response_body = body end`,
    // A chunk that returns a function is run once; the function is called for each request.
    log: `
      local cjson = require("cjson.safe")
      local file = assert(io.open(${JSON.stringify(file)}, "a"))
      local masked = { name = true, email = true, username = true, phone = true, address = true, password = true }
      local function mask(value)
        if type(value) == "string" then return (value:gsub("[%w._-]+@[%w.-]+", "***")) end
        if type(value) ~= "table" then return value end
        for key, inner in pairs(value) do
          if masked[key] then value[key] = "***" else value[key] = mask(inner) end
        end
        return value
      end
      local function body_of(text)
        if text == nil or #text > 16384 then return nil end
        return mask(cjson.decode(text))
      end
      return function()
        local entry = {
          time = ngx.now(), method = kong.request.get_method(), path = kong.request.get_path(),
          status = kong.response.get_status(), consumer = (kong.client.get_consumer() or {}).username,
          request = body_of(kong.ctx.shared.request_body), response = body_of(kong.ctx.shared.response_body),
        }
        file:write(cjson.encode(entry), "\\n")
        file:flush()
      end`,
  };
}

/** The configuration of post-function for one work or several, in the order of the plugins. */
export function postFunction(...works: LuaPhases[]): { name: string; config: Record<string, string[]> } {
  const config: Record<string, string[]> = {};
  for (const [phase, chunk] of works.flatMap((work) => Object.entries(work))) {
    config[phase] = [...(config[phase] ?? []), chunk];
  }
  return { name: 'post-function', config };
}
