-- Asks the addresses of a file in turn, each with its token; waits in between if that is wanted.
local asked, at, pause = {}, 0, 0

function init(arguments)
   for line in io.lines(arguments[1]) do
      local token, address = line:match("^(%S+) (%S+)$")
      local headers = { ["Authorization"] = "Bearer " .. token }
      table.insert(asked, wrk.format("GET", address, headers))
   end
   pause = tonumber(arguments[2])
   math.randomseed(7)
end

function delay()
   return pause > 0 and math.random(0, 2 * pause) or 0
end

function request()
   at = at % #asked + 1
   return asked[at]
end

function done(summary, latency)
   local wrong = summary.errors.status + summary.errors.connect + summary.errors.read
   local format = '{"requests": %d, "p50": %d, "p95": %d, "wrong": %d, "late": %d}\n'
   local found = { summary.requests, latency:percentile(50), latency:percentile(95) }
   io.write(string.format(format, found[1], found[2], found[3], wrong, summary.errors.timeout))
end
