-- What wrk sends and prints for measure.py. Headers come by the environment, because arguments show in the process list.

for line in (os.getenv("BENCH_HEADERS") or ""):gmatch("[^\n]+") do
    local name, value = line:match("^([^:]+): (.*)$")
    wrk.headers[name] = value
end

-- One line of JSON; times in microseconds.
function done(summary, latency, _)
    local failed = summary.errors
    io.write(string.format(
        '{"requests":%d,"micros":%d,"p50":%.1f,"p99":%.1f,"failed":%d}\n',
        summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
        failed.connect + failed.read + failed.write + failed.status + failed.timeout))
end
