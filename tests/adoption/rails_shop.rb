# A shop in Rails, in a process of its own: it runs the lines of its code that it is given.
#
# `ruby rails_shop.rb EXAMPLE_FOLDER` reads one JSON string of code a line, and answers each with
# {"is": value} or {"raised": "Kind: words"}. SHOP_URL says where its database is.

require "json"
require "active_record"

ActiveRecord::Base.establish_connection(ENV.fetch("SHOP_URL"))
require File.join(ARGV[0], "models.rb")

def migrate
  load File.join(ARGV[0], "schema.rb")
  nil
end

$stdout.sync = true
shop = binding
$stdin.each_line do |line|
  begin
    value = shop.eval(JSON.parse(line, quirks_mode: true))
    value = nil unless [NilClass, TrueClass, FalseClass, Numeric, String, Array, Hash].any? { |k| value.is_a?(k) }
    puts JSON.generate("is" => value)
  rescue StandardError => e
    puts JSON.generate("raised" => "#{e.class}: #{e.message}")
  end
end
