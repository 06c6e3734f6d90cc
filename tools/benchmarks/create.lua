-- Every request creates a ConfigMap of 0.6 KB with a name of its own; counts the answers by status.
local threads = {}
local number = 0

function setup(thread)
  thread:set("id", #threads + 1)
  table.insert(threads, thread)
end

function init(args)
  token, run = args[1], args[2]
  created, other = 0, 0
  wrk.method = "POST"
  wrk.headers["Authorization"] = "Bearer " .. token
  wrk.headers["Content-Type"] = "application/json"
  filler = string.rep("x", 480)
end

function request()
  number = number + 1
  return wrk.format(nil, nil, nil, string.format(
    '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"bench-%s-%d-%d"},"data":{"value":"%s"}}',
    run, id, number, filler))
end

function response(status)
  if status == 201 then created = created + 1 else other = other + 1 end
end

function done(summary, latency)
  local created, other = 0, 0
  for _, thread in ipairs(threads) do
    created = created + thread:get("created")
    other = other + thread:get("other")
  end
  print(string.format("RESULT %d %d %d %d %d", created, other, summary.duration, latency:percentile(50), latency:percentile(99)))
end
