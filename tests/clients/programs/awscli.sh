# aws-cli: tables, items, pages, batches, transactions and errors, as one types them.
set -euo pipefail
export AWS_PAGER= AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null
is() { [ "$1" = "$2" ] || { echo "expected '$2', got '$1'"; exit 1; }; }
refused() { local want=$1; shift; if out=$("$@" 2>&1); then echo "not refused: $*"; exit 1; fi; [[ $out == *"$want"* ]] || { echo "expected '$want' in: $out"; exit 1; }; }

aws dynamodb create-table --table-name music --billing-mode PAY_PER_REQUEST \
  --attribute-definitions AttributeName=artist,AttributeType=S AttributeName=song,AttributeType=S \
  --key-schema AttributeName=artist,KeyType=HASH AttributeName=song,KeyType=RANGE --tags Key=team,Value=red >created
is "$(grep -c '"TableStatus": "CREATING"' created)" 1
aws dynamodb wait table-exists --table-name music
arn=$(aws dynamodb describe-table --table-name music --query Table.TableArn --output text)
is "$arn" "arn:aws:dynamodb:$AWS_REGION:000000000000:table/music"
is "$(aws dynamodb list-tags-of-resource --resource-arn "$arn" --query 'Tags[0].Value' --output text)" red

aws dynamodb put-item --table-name music --item '{"artist": {"S": "ann"}, "song": {"S": "one"}, "plays": {"N": "1"}, "raw": {"B": "hello"}}'
is "$(aws dynamodb get-item --table-name music --key '{"artist": {"S": "ann"}, "song": {"S": "one"}}' --query Item.raw.B --output text)" aGVsbG8=
refused "(ConditionalCheckFailedException) when calling the PutItem operation: The conditional request failed" \
  aws dynamodb put-item --table-name music --item '{"artist": {"S": "ann"}, "song": {"S": "one"}}' --condition-expression "attribute_not_exists(artist)"
is "$(aws dynamodb update-item --table-name music --key '{"artist": {"S": "ann"}, "song": {"S": "one"}}' --update-expression 'ADD plays :n' \
  --expression-attribute-values '{":n": {"N": "41"}}' --return-values UPDATED_NEW --query Attributes.plays.N --output text)" 42

python3 - >batch.json <<'P'
import json
print(json.dumps({"music": [{"PutRequest": {"Item": {"artist": {"S": "bob"}, "song": {"S": f"s{n:02}"}}}} for n in range(25)]}))
P
is "$(aws dynamodb batch-write-item --request-items file://batch.json --query 'length(UnprocessedItems)')" 0
is "$(aws dynamodb query --table-name music --key-condition-expression 'artist = :a AND begins_with(song, :s)' \
  --expression-attribute-values '{":a": {"S": "bob"}, ":s": {"S": "s1"}}' --query 'Items[].song.S' --output text | wc -w)" 10
is "$(aws dynamodb scan --table-name music --page-size 4 --query 'length(Items)')" 26
aws dynamodb scan --table-name music --max-items 5 >first
is "$(grep -c '"song"' first)" 5
token=$(grep -o '"NextToken": "[^"]*"' first | cut -d'"' -f4)
is "$(aws dynamodb scan --table-name music --starting-token "$token" --query 'length(Items)')" 21
aws dynamodb transact-write-items --transact-items '[{"Put": {"TableName": "music", "Item": {"artist": {"S": "cat"}, "song": {"S": "x"}}}},
  {"Delete": {"TableName": "music", "Key": {"artist": {"S": "bob"}, "song": {"S": "s00"}}}}]'
refused "(TransactionCanceledException) when calling the TransactWriteItems operation: Transaction cancelled, please refer cancellation reasons for specific reasons [ConditionalCheckFailed]" \
  aws dynamodb transact-write-items --transact-items '[{"Put": {"TableName": "music", "Item": {"artist": {"S": "cat"}, "song": {"S": "x"}}, "ConditionExpression": "attribute_not_exists(artist)"}}]'
is "$(aws dynamodb delete-item --table-name music --key '{"artist": {"S": "cat"}, "song": {"S": "x"}}' --return-values ALL_OLD --query Attributes.song.S --output text)" x
aws dynamodb update-table --table-name music --deletion-protection-enabled >/dev/null
refused "(ValidationException) when calling the DeleteTable operation" aws dynamodb delete-table --table-name music
aws dynamodb update-table --table-name music --no-deletion-protection-enabled >/dev/null
aws dynamodb delete-table --table-name music >/dev/null
aws dynamodb wait table-not-exists --table-name music
refused "(ResourceNotFoundException) when calling the DescribeTable operation: Requested resource not found: Table: music not found" aws dynamodb describe-table --table-name music
is "$(aws sts get-caller-identity --query Account --output text)" 000000000000
is "$(AWS_ACCESS_KEY_ID=111111111111 aws sts get-caller-identity --query Account --output text)" 111111111111
is "$(AWS_REGION=eu-west-1 aws dynamodb list-tables --query 'length(TableNames)')" 0

head -c 11000000 /dev/urandom >file  # more than a part
aws s3 mb s3://files >/dev/null
for checksum in "" CRC32C CRC64NVME; do
  aws s3 cp --no-progress ${checksum:+--checksum-algorithm $checksum} file s3://files/in/file >/dev/null
  aws s3 cp --no-progress --checksum-mode ENABLED s3://files/in/file back >/dev/null
  cmp file back
  is "$(aws s3api head-object --bucket files --key in/file --checksum-mode ENABLED --query "Checksum${checksum:-CRC32} != null")" true
done
is "$(aws s3api put-object --bucket files --key one --body batch.json --checksum-algorithm CRC64NVME --query ChecksumType --output text)" FULL_OBJECT
refused "(BadDigest) when calling the PutObject operation" aws s3api put-object --bucket files --key two --body batch.json --checksum-crc64-nvme AAAAAAAAAAA=
is "$(aws s3 ls s3://files/ | awk '{print $NF}' | paste -sd' ')" "in/ one"
echo done
