-- Every request creates a ConfigMap with a name of its own; counts the answers by status.
-- Arguments: token, what names begin with, bytes of data, and how many each thread makes at most.
local threads = {}
local number = 0

function setup(thread)
  thread:set("id", #threads + 1)
  table.insert(threads, thread)
end

function init(args)
  token, prefix = args[1], args[2]
  limit = tonumber(args[4] or "1000000000")
  -- The first request of the first thread is only made to be looked at, never sent.
  if id == 1 then number = -1 end
  filler = string.rep("x", tonumber(args[3] or "480"))
  created, other = 0, 0
  wrk.method = "POST"
  wrk.headers["Authorization"] = "Bearer " .. token
  wrk.headers["Content-Type"] = "application/json"
end

function request()
  number = number + 1
  -- Behind the limit there is nothing left to do but to wait for the answers that are still to come.
  if number > limit then return wrk.format("GET", "/livez", nil, "") end
  return wrk.format(nil, nil, nil, string.format(
    '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"bench-%s-%d-%d"},"data":{"value":"%s"}}',
    prefix, id, number, filler))
end

function response(status)
  if status == 201 then created = created + 1 elseif number <= limit then other = other + 1 end
  if created == limit and status == 201 then
    io.stdout:write("MADE\n")
    io.stdout:flush()
    -- Or the thread would go on asking, and take time from what is measured.
    wrk.thread:stop()
  end
end

function done(summary, latency)
  local created, other = 0, 0
  for _, thread in ipairs(threads) do
    created = created + thread:get("created")
    other = other + thread:get("other")
  end
  print(string.format("RESULT %d %d %d %d %d", created, other, summary.duration, latency:percentile(50), latency:percentile(99)))
end
