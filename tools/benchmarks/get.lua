-- Reads one object again and again.
function init(args)
  if args[1] then wrk.headers["Authorization"] = "Bearer " .. args[1] end
end

function done(summary, latency)
  print(string.format("RESULT %d %d %d %d %d", summary.requests, summary.errors.status, summary.duration,
    latency:percentile(50), latency:percentile(99)))
end
