local citrixxml = require "citrixxml"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"

description = [[
Asks an XML Service with those functions of nmap's library that no script of nmap uses.
]]
categories = {"safe"}
portrule = function() return true end

-- said is what an answer tells: a list, an element's text, or the error.
local function said(list, text)
  local problem = text:match("<ErrorId>(.-)</ErrorId>")
  if problem then
    return problem
  elseif #list == 0 then
    return "nothing"
  end
  return table.concat(list, ", ")
end

local function find(text, pattern)
  local found = text:match(pattern)
  return { found }
end

action = function(host, port)
  local args = { Credentials = { UserName = stdnse.get_script_args("user"), Password = stdnse.get_script_args("password"), Domain = "EXAMPLE" } }
  local farm = citrixxml.request_server_farm_data(host, port)
  local able = citrixxml.request_capabilities(host, port)
  local info = citrixxml.request_protocol_info(host, port)
  local probe = citrixxml.request_address(host, port, "no-load-bias", "pool")
  local alternate = citrixxml.request_address(host, port, "alt-addr", "pool")
  local sessions = citrixxml.request_reconnect_session_data(host, port, args)
  return stdnse.format_output(true, {
    "farm: " .. said(citrixxml.parse_server_farm_data_response(farm), farm),
    "capabilities: " .. said(citrixxml.parse_capabilities_response(able), able),
    "protocol: " .. said(find(info, 'addresstype="(.-)"'), info),
    "probe: " .. said(find(probe, "<TicketTag>(.-)</TicketTag>"), probe),
    "alternate address: " .. said(find(alternate, "<ServerAddress"), alternate),
    "session: " .. said(find(sessions, "<InName>(.-)</InName>"), sessions),
  })
end
